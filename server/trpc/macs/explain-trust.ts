import { type ExplainedReason, explainReasons, refusalWord } from '../../fleet/explain-reasons.ts'
import type { MacDetail } from '../../fleet/views.ts'

export type Explanation = {
  /** The verdict in one sentence, naming the reason that should be dealt with first. */
  sentence: string
  remedy: string | null
  /** The reasons after the first. */
  others: ExplainedReason[]
}

type Judged = Pick<MacDetail, 'trust' | 'reasons' | 'isConnected' | 'isRoutable' | 'isSoftware'>

export function explainTrust(mac: Judged): Explanation {
  switch (mac.trust) {
    case 'trusted':
      return explainTrusted(mac)
    case 'revoked':
      return explainRefused(['MAC_REVOKED'])
    case 'refused':
      return explainRefused(mac.reasons)
    case 'pending':
      return {
        sentence: 'Not judged yet: this Mac has not finished enrolling.',
        remedy: 'Open the enrollment link on the Mac and approve the profile in System Settings.',
        others: [],
      }
    default:
      return mac.trust satisfies never
  }
}

function explainTrusted(mac: Judged): Explanation {
  const by = mac.isSoftware ? 'under the evaluation root' : 'by Apple'
  const attested = `Trusted: attested ${by}, and its agent’s key is bound to it.`
  if (!mac.isConnected)
    return { sentence: `${attested} Its agent is not connected.`, remedy: 'Wake the Mac and check that the agent runs.', others: [] }
  if (mac.isRoutable) return { sentence: attested, remedy: null, others: [] }
  const remedy = 'Wait a moment: it is draining, its owner is using it, or it has yet to answer a challenge.'
  return { sentence: `${attested} It takes no requests right now.`, remedy, others: [] }
}

function explainRefused(codes: readonly string[]): Explanation {
  const [first, ...others] = explainReasons(codes)
  if (first === undefined) return { sentence: 'Refused.', remedy: 'The checks below say what failed.', others: [] }
  return { sentence: `${refusalWord(codes)}: ${first.sentence}`, remedy: first.remedy, others }
}
