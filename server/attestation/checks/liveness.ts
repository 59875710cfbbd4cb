import { isEqual } from '#protocol/bytes'
import { CHALLENGE_INTERVAL_MS, CHALLENGE_TIMEOUT_MS } from '#protocol/frames'
import { type Appraisal, ageOf } from '../appraisal.ts'
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
  const { session, device } = appraisal.evidence
  const source = claimsSource(appraisal)
  const good = 'It is the same boot session as when Apple attested it.'
  if (session === undefined) return { id: 'boot', source, findings: [{ code: 'NO_SESSION' }], isAbsent: true, good }
  if (session.claims === undefined) return { id: 'boot', source, findings: [{ code: 'CODE_UNKNOWN' }], isAbsent: true, good }
  if (device?.bootSession === session.claims.bootSession) return { id: 'boot', source, findings: [], good }
  const graceEnd = bootGraceEnd(appraisal)
  if (graceEnd === undefined || appraisal.now >= graceEnd) return { id: 'boot', source, findings: [{ code: 'BOOT_SESSION_CHANGED' }], good }
  const grace = `The Mac has restarted since it was attested; the policy’s grace ends at ${graceEnd.toISOString()}.`
  return { id: 'boot', source, findings: [], good: grace, mood: 'info' }
}

/** The end of the grace after a restart; undefined where the boot state is proven or there is no grace. */
export function bootGraceEnd({ evidence: { session, device }, policy }: Appraisal): Date | undefined {
  if (session?.claims === undefined || device?.bootSession === session.claims.bootSession) return undefined
  if (policy.bootGap.mode === 'refuse' || session.bootSince === undefined) return undefined
  return new Date(session.bootSince.getTime() + policy.bootGap.graceMs)
}
