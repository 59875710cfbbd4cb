import type { Check } from '../api.ts'

type Outcome = Check['outcome']

/** From the worst to the best. */
const ORDER: Outcome[] = ['fail', 'unknown', 'waived', 'info', 'pass']

/** What refuses a Mac: a check that failed, and one that had nothing to go by. */
export const isTrouble = (outcome: Outcome): boolean => outcome === 'fail' || outcome === 'unknown'

export function worstOf(checks: readonly Pick<Check, 'outcome'>[]): Outcome {
  return ORDER.find((outcome) => checks.some((check) => check.outcome === outcome)) ?? 'pass'
}
