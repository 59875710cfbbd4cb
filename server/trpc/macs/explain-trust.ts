import { describeReason, REASON_CODES, type ReasonCode } from '../../attestation/reasons.ts'
import type { MacDetail } from '../../fleet/views.ts'

type ExplainedReason = { code: string; sentence: string; remedy: string }
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

/** What the codes mean, in the order in which they should be dealt with. */
export function explainReasons(codes: readonly string[]): ExplainedReason[] {
  return codes.toSorted((a, b) => rank(a) - rank(b)).map(explainReason)
}

function explainRefused(codes: readonly string[]): Explanation {
  const [first, ...others] = explainReasons(codes)
  if (first === undefined) return { sentence: 'Refused.', remedy: 'The checks below say what failed.', others: [] }
  return { sentence: `${refusalWord(codes)}: ${first.sentence}`, remedy: first.remedy, others }
}

/** What every Mac lacks on its way in. */
const AWAITED = new Set<string>(['NO_ATTESTATION', 'AGENT_KEY_UNBOUND', 'CODE_UNKNOWN', 'SECURITYINFO_MISSING'] satisfies ReasonCode[])
/** What a sleeping Mac lacks as well. */
const LAPSED = new Set<string>(['NO_SESSION', 'CHALLENGE_MISSED', 'SECURITYINFO_STALE'] satisfies ReasonCode[])

/** A refusal for nothing but what is still to come, or will come again, is no finding against the Mac. */
export const isOnlyAbsence = (codes: readonly string[]): boolean =>
  codes.length > 0 && codes.every((code) => AWAITED.has(code) || LAPSED.has(code))

export function refusalWord(codes: readonly string[]): string {
  if (!isOnlyAbsence(codes)) return 'Refused'
  return codes.some((code) => AWAITED.has(code)) ? 'Not trusted yet' : 'Not trusted now'
}

const isReasonCode = (code: string): code is ReasonCode => (REASON_CODES as string[]).includes(code)
/** The catalogue goes from the device outwards, which is also the order to repair in. */
const rank = (code: string): number => (isReasonCode(code) ? REASON_CODES.indexOf(code) : REASON_CODES.length)

/** A code stored by a later version is shown as it is. */
function explainReason(code: string): ExplainedReason {
  if (!isReasonCode(code)) return { code, sentence: `The check ${code} failed.`, remedy: 'The checks below say what failed.' }
  const { sentence, remedy } = describeReason(code)
  return { code, sentence, remedy }
}
