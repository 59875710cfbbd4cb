import { parseAttestationObject } from './attestation-object.ts'
import { verifyChain } from './chain.ts'
import { judgeAcmeFreshness } from './freshness.ts'
import { judgeKexts, judgeSecureBoot, judgeSerial, judgeSip } from './posture.ts'
import { type AttestedProperties, known, readProperties } from './properties.ts'
import type { Finding } from './reasons.ts'
import type { TrustAnchors } from './roots.ts'
import { judgeDomain } from './trust-domain.ts'

export type AcmeVerdict =
  | { ok: true; chain: readonly Uint8Array[]; spki: Uint8Array; serial: string; udid: string; properties: AttestedProperties }
  | { ok: false; findings: readonly [Finding, ...Finding[]] }

/**
 * Judges a device-attest-01 answer before an MDM identity is issued for its key (DESIGN §4.2). `spki` is the only key that the
 * CSR may carry. Posture: what is known to be bad refuses here; what Apple leaves out is left to decideTrust, which refuses it.
 * Source: draft-ietf-acme-device-attest; Apple: "Managed Device Attestation", ACME.
 */
export function judgeAcmeAttestation(request: {
  attObj: Uint8Array
  token: string
  serial: string
  anchors: TrustAnchors
  allowEvaluation: boolean
  at: Date
}): AcmeVerdict {
  const object = parseAttestationObject(request.attObj)
  if (!object.ok) {
    const code = object.reason === 'malformed' ? 'ATTESTATION_MALFORMED' : 'ATTESTATION_FORMAT_UNSUPPORTED'
    return { ok: false, findings: [{ code, detail: object.detail }] }
  }
  const chain = verifyChain(object.chain, request.anchors, request.at)
  const properties = chain.leaf === undefined ? undefined : readProperties(chain.leaf)
  const [first, ...rest] = [
    ...judgeDomain(request.anchors, request.allowEvaluation),
    ...(chain.ok ? [] : chain.findings),
    ...(properties === undefined ? [] : judgeIdentity(properties, request)),
  ]
  const udid = properties === undefined ? undefined : known(properties.udid)
  if (first !== undefined || !chain.ok || properties === undefined || udid === undefined) {
    return { ok: false, findings: [first ?? { code: 'CHAIN_UNTRUSTED' }, ...rest] }
  }
  return { ok: true, chain: object.chain, spki: chain.leaf.spki, serial: request.serial, udid, properties }
}

function judgeIdentity(properties: AttestedProperties, request: { token: string; serial: string }): Finding[] {
  const freshness = judgeAcmeFreshness(properties.freshness, request.token)
  const posture = [...judgeSip(properties), ...judgeSecureBoot(properties), ...judgeKexts(properties)]
  return [
    ...(freshness === 'fresh' ? [] : [{ code: freshness === 'absent' ? ('FRESHNESS_MISSING' as const) : ('FRESHNESS_MISMATCH' as const) }]),
    ...judgeSerial(properties, request.serial),
    ...(properties.udid.state === 'known' ? [] : [{ code: 'UDID_MISSING' as const }]),
    ...posture.filter(({ code }) => !code.endsWith('_UNKNOWN')),
  ]
}
