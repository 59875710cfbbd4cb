import { createHash } from 'node:crypto'
import type { VerifyAttestation } from '../mdm/ports.ts'
import { judgeAcmeAttestation } from './attestation/judge-acme.ts'
import type { TrustAnchors } from './attestation/roots.ts'
import type { Clock } from './clock.ts'
import type { Store } from './store/client.ts'
import { findInvitedMac } from './store/enrollment-lookup.ts'

/** Joins MDM's question about an ACME attestation object to the verdict of `attestation`. */
export function acmeVerifier(deps: { store: Store; clock: Clock; anchors: TrustAnchors; allowEvaluation: boolean }): VerifyAttestation {
  return async ({ attObj, token, enrollmentId }) => {
    const mac = await findInvitedMac(deps.store, enrollmentId)
    if (mac === undefined) return { ok: false, reasons: ['NOT_ENROLLED'] }
    if (mac.isRevoked) return { ok: false, reasons: ['MAC_REVOKED'] }
    const { anchors, allowEvaluation } = deps
    const verdict = judgeAcmeAttestation({ attObj, token, serial: mac.serial, anchors, allowEvaluation, at: deps.clock.now() })
    if (!verdict.ok) return { ok: false, reasons: [...new Set(verdict.findings.map((finding) => finding.code))] }
    return { ok: true, spki: verdict.spki, evidenceDigest: new Uint8Array(createHash('sha256').update(attObj).digest()) }
  }
}
