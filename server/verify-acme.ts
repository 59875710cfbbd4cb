import { createHash } from 'node:crypto'
import type { VerifyAttestation } from '../mdm/ports.ts'
import { judgeAcmeAttestation } from './attestation/judge-acme.ts'
import type { TrustAnchors } from './attestation/roots.ts'
import type { Clock } from './clock.ts'
import type { Store } from './store/client.ts'
import { findEnrolledSerial } from './store/enrollment-lookup.ts'

/** Joins MDM's question about an ACME attestation object to the verdict of `attestation`. */
export function acmeVerifier(deps: { store: Store; clock: Clock; anchors: TrustAnchors; allowEvaluation: boolean }): VerifyAttestation {
  return async ({ attObj, token, enrollmentId }) => {
    const serial = await findEnrolledSerial(deps.store, enrollmentId)
    if (serial === undefined) return { ok: false, reasons: ['NOT_ENROLLED'] }
    const { anchors, allowEvaluation } = deps
    const verdict = judgeAcmeAttestation({ attObj, token, serial, anchors, allowEvaluation, at: deps.clock.now() })
    if (!verdict.ok) return { ok: false, reasons: [...new Set(verdict.findings.map((finding) => finding.code))] }
    return { ok: true, spki: verdict.spki, evidenceDigest: new Uint8Array(createHash('sha256').update(attObj).digest()) }
  }
}
