import { type Appraisal, attestedSince } from './appraisal.ts'
import { HARD_MAX_EVIDENCE_AGE_MS } from './policy.ts'

/**
 * How old the device attestation is, as a state of its own:
 *   fresh    younger than the warning
 *   ageing   older than the warning, still counts: a new one is due
 *   stale    beyond the policy's maximum, or the hard one: counts for nothing
 * Counted from the later of the leaf's beginning and the nonce's sending.
 */
export type EvidenceAge = { state: 'fresh' | 'ageing' | 'stale'; since: Date; ageingAt: Date; staleAt: Date }

/** The warning comes at the policy's age, and in any case with this share of the maximum gone: seven days of eight. */
const WARNING_SHARE = 7 / 8

export function evidenceAge(appraisal: Appraisal): EvidenceAge | undefined {
  const since = attestedSince(appraisal)
  if (since === undefined) return undefined
  const maxMs = maxEvidenceAgeMs(appraisal)
  const ageingAt = new Date(since.getTime() + Math.min(appraisal.policy.warnEvidenceAgeMs, maxMs * WARNING_SHARE))
  // At the limit it has expired: `until` is the first moment without trust.
  const staleAt = new Date(since.getTime() + maxMs)
  const state = appraisal.now >= staleAt ? 'stale' : appraisal.now >= ageingAt ? 'ageing' : 'fresh'
  return { state, since, ageingAt, staleAt }
}

const maxEvidenceAgeMs = ({ policy }: Appraisal): number => Math.min(policy.maxEvidenceAgeMs, HARD_MAX_EVIDENCE_AGE_MS)
