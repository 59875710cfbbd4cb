import { describeReason, REASON_CODES, type ReasonCode } from '../attestation/reasons.ts'

export type ExplainedReason = { code: string; sentence: string; remedy: string }

/** What the codes mean, in the order in which they should be dealt with. */
export function explainReasons(codes: readonly string[]): ExplainedReason[] {
  return codes.toSorted((a, b) => rank(a) - rank(b)).map(explainReason)
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
