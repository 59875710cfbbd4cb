import { createHash } from 'node:crypto'
import type { Appraisal, AttestedChain } from './appraisal.ts'
import type { Certificate } from './certificate.ts'
import type { Revoked } from './evidence.ts'
import type { Finding } from './reasons.ts'

/**
 * What is revoked among all that a decision rests on: certificates of every chain and the MDM identity, the keys in them, the
 * agent's key. The lists are an argument; nothing is fetched (Apple's attestation certificates name no CRL and no OCSP).
 */
export function findRevoked({ evidence, device, channel, key, identity }: Appraisal): Finding[] {
  const { revoked, binding, session } = evidence
  if (revoked.certificates.size === 0 && revoked.keys.size === 0) return []
  const named: [string, Certificate][] = [
    ...certificatesOf('of the device attestation', device),
    ...certificatesOf('of the MDM key’s attestation', channel),
    ...certificatesOf('of the agent key’s attestation', key),
    ...(identity === undefined ? [] : [['the MDM identity', identity] as [string, Certificate]]),
  ]
  const agentKeys = [binding?.agentKey, session?.agentKey].filter((spki) => spki !== undefined)
  return [
    ...named.filter(([, one]) => revoked.certificates.has(sha256(one.raw))).map(([where]) => cert(where)),
    ...named.filter(([, one]) => revoked.keys.has(sha256(one.spki))).map(([where]) => keyIn(where)),
    ...agentKeys.filter((spki) => revoked.keys.has(sha256(spki))).map((): Finding => ({ code: 'KEY_REVOKED', detail: 'the agent’s' })),
  ]
}

/** A serial number is listed by its SHA-256, so that a list held by every Mac names none of them. */
export const isSerialRevoked = ({ serials }: Revoked, serial: string): boolean => serials.size > 0 && serials.has(sha256(serial))

const cert = (where: string): Finding => ({ code: 'CERT_REVOKED', detail: where })
const keyIn = (where: string): Finding => ({ code: 'KEY_REVOKED', detail: where })

function certificatesOf(where: string, chain: AttestedChain | undefined): [string, Certificate][] {
  const verdict = chain?.verdict
  if (verdict?.leaf === undefined) return []
  const all = verdict.ok ? [verdict.leaf, ...verdict.intermediates, verdict.root] : [verdict.leaf]
  return all.map((certificate, index) => [`certificate ${index} ${where}`, certificate])
}

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')
