import { type Appraisal, ageOf } from './appraisal.ts'
import type { ReasonCode } from './reasons.ts'

/**
 * Whether the state at start that Apple attested is still the state (DESIGN §4.6). SIP and Secure Boot change through a restart
 * alone, so an attestation stands while the Mac has been heard without a break in the boot session in which it was made:
 *   proven     same boot session, and our question was sent after the unbroken period began
 *   unproven   the Mac restarted (BOOT_SESSION_CHANGED), or was silent long enough to have done so (BOOT_UNPROVEN)
 *   unknown    there is nothing to judge it by: no claims, no attestation, or none that answers a question of ours
 */
export type BootState =
  | { state: 'proven' }
  | { state: 'unproven'; code: Extract<ReasonCode, 'BOOT_SESSION_CHANGED' | 'BOOT_UNPROVEN'>; graceEnd: Date | undefined }
  | {
      state: 'unknown'
      code: Extract<ReasonCode, 'NO_SESSION' | 'CODE_UNKNOWN' | 'NO_ATTESTATION' | 'FRESHNESS_MISSING' | 'FRESHNESS_UNKNOWN'>
    }

export function bootState(appraisal: Appraisal): BootState {
  const { session, device } = appraisal.evidence
  if (session === undefined) return { state: 'unknown', code: 'NO_SESSION' }
  if (session.claims === undefined) return { state: 'unknown', code: 'CODE_UNKNOWN' }
  if (device === undefined) return { state: 'unknown', code: 'NO_ATTESTATION' }
  const { freshness } = appraisal
  if (!('nonce' in freshness)) return { state: 'unknown', code: freshness.state === 'absent' ? 'FRESHNESS_MISSING' : 'FRESHNESS_UNKNOWN' }
  const isSameSession = device.bootSession === session.claims.bootSession
  const { continuousSince } = session
  const wasAskedSince = continuousSince !== undefined && freshness.nonce.issuedAt >= continuousSince
  if (isSameSession && wasAskedSince) return { state: 'proven' }
  const isOtherSession = device.bootSession !== undefined && !isSameSession
  return { state: 'unproven', code: isOtherSession ? 'BOOT_SESSION_CHANGED' : 'BOOT_UNPROVEN', graceEnd: graceEnd(appraisal) }
}

/** The end of the policy's grace, while it lasts; undefined where the boot state is proven, or there is no grace or none left. */
export function bootGraceEnd(appraisal: Appraisal): Date | undefined {
  const boot = bootState(appraisal)
  if (boot.state !== 'unproven' || boot.graceEnd === undefined) return undefined
  return appraisal.now < boot.graceEnd ? boot.graceEnd : undefined
}

/** The grace counts from the first interruption after the attestation that is known, so that the next one does not begin it anew. */
function graceEnd({ evidence: { session }, policy, freshness, now }: Appraisal): Date | undefined {
  if (policy.bootGap.mode === 'refuse' || session?.continuousSince === undefined) return undefined
  if (ageOf(session.continuousSince, now).isAhead) return undefined // a clock was set back: a grace from the future never ends
  const askedAt = 'nonce' in freshness ? freshness.nonce.issuedAt : undefined
  const earlier = (session.earlierInterruptions ?? []).filter((at) => askedAt !== undefined && at > askedAt)
  const first = Math.min(...[...earlier, session.continuousSince].map((at) => at.getTime()))
  return new Date(first + policy.bootGap.graceMs)
}
