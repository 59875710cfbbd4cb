import { isEqual } from '#protocol/bytes'
import { CHALLENGE_INTERVAL_MS, CHALLENGE_TIMEOUT_MS } from '#protocol/frames'
import { type Appraisal, ageOf } from '../appraisal.ts'
import { bootGraceEnd, bootState } from '../boot.ts'
import type { Judged, Source } from '../checks.ts'
import type { SessionEvidence } from '../evidence.ts'
import type { Finding } from '../reasons.ts'
import { claimsSource } from './code.ts'

/** Items 5 and 6: the bound key answers now, and the Mac has not restarted since Apple attested it. */
export const livenessChecks = (appraisal: Appraisal): Judged[] => [checkChallenge(appraisal), checkBoot(appraisal)]

function checkChallenge({ evidence: { session, binding }, now }: Appraisal): Judged {
  const source: Source = { name: 'The agent, signed by its key', digest: undefined, observedAt: session?.lastAnsweredAt }
  const good = 'The agent answered its last challenge in time.'
  if (session === undefined) return { id: 'challenge', source, findings: [{ code: 'NO_SESSION' }], isAbsent: true, good }
  const isOtherKey = binding !== undefined && !isEqual(session.agentKey, binding.agentKey)
  const findings: Finding[] = isOtherKey ? [{ code: 'AGENT_KEY_UNBOUND', detail: 'the session signs with another key' }] : []
  return { id: 'challenge', source, findings: [...findings, ...judgeAnswers(session, now)], good }
}

/** Two missed in a row, or a silence in which two could have been missed. */
const MAX_MISSED = 2
const MAX_SILENCE_MS = MAX_MISSED * CHALLENGE_INTERVAL_MS + CHALLENGE_TIMEOUT_MS

function judgeAnswers({ lastAnsweredAt, missed }: SessionEvidence, now: Date): Finding[] {
  if (lastAnsweredAt === undefined) return [{ code: 'CHALLENGE_MISSED', detail: 'none answered yet' }]
  const { ageMs, isAhead } = ageOf(lastAnsweredAt, now)
  if (isAhead) return [{ code: 'CLOCK_SKEW', detail: 'the last answer’s' }]
  return missed >= MAX_MISSED || ageMs > MAX_SILENCE_MS ? [{ code: 'CHALLENGE_MISSED' }] : []
}

function checkBoot(appraisal: Appraisal): Judged {
  const boot = bootState(appraisal)
  const judged = { id: 'boot' as const, source: claimsSource(appraisal), good: 'It is the same boot session as when Apple attested it.' }
  switch (boot.state) {
    case 'proven':
      return { ...judged, findings: [] }
    case 'unknown':
      return { ...judged, findings: [{ code: boot.code }], isAbsent: true }
    case 'unproven': {
      const end = bootGraceEnd(appraisal)
      if (end === undefined) return { ...judged, findings: [{ code: boot.code }] }
      const what = boot.code === 'BOOT_SESSION_CHANGED' ? 'has restarted' : 'was silent, and may have restarted,'
      const grace = `The Mac ${what} since it was attested; the policy’s grace ends at ${end.toISOString()}.`
      return { ...judged, findings: [], notes: [boot.code], good: grace, mood: 'info' }
    }
    default:
      return boot satisfies never
  }
}
