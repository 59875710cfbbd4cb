import type { Finding } from './reasons.ts'
import type { TrustAnchors } from './roots.ts'

/** An evaluation root counts only where it was allowed by name; a root from the command line never counts for a Mac. */
export function judgeDomain(anchors: TrustAnchors, allowEvaluation: boolean): Finding[] {
  if (anchors.domain === 'apple') return []
  if (anchors.domain === 'evaluation') return allowEvaluation ? [] : [{ code: 'TEST_ROOT_IN_PRODUCTION' }]
  return [{ code: 'CHAIN_UNTRUSTED', detail: 'its root was named by hand' }]
}
