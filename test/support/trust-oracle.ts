import type { World } from './trust-world.ts'

/**
 * Whether a Mac of the machine may be trusted, in plain words and minutes: written from DESIGN §4 without a look at the code that
 * decides. No bytes, no certificates, no reasons: only what happened.
 */
export const mayBeTrusted = (world: World): boolean =>
  isWelcome(world) && isBound(world) && isAttested(world) && isAlive(world) && isUnrestarted(world) && agreesWithItself(world)

const EIGHT_DAYS = 8 * 24 * 60

const isWelcome = ({ enrollment, isRevoked, isQuarantined }: World): boolean =>
  enrollment?.isEnrolled === true && !isRevoked && !isQuarantined

const isBound = ({ enrollment, binding, session, now }: World): boolean =>
  binding !== undefined && binding.enrollment === enrollment?.number && binding.key === session?.key && binding.at <= now

function isAttested({ attested, binding, enrollment, policy, now }: World): boolean {
  const asked = attested?.asked
  if (attested === undefined || asked === undefined || !attested.isGood || !attested.sip) return false
  if (asked.key !== binding?.key || asked.enrollment !== enrollment?.number) return false
  if (asked.at > attested.receivedAt) return false
  const since = Math.max(asked.at, attested.madeAt)
  return since <= now && now - since < Math.min(policy.maxAgeMinutes, EIGHT_DAYS)
}

/** A challenge every five minutes: two missed, or the time in which two could have been. */
function isAlive({ session, now }: World): boolean {
  if (session?.answeredAt === undefined || session.missed >= 2) return false
  return session.answeredAt <= now && now - session.answeredAt <= 10
}

function isUnrestarted({ attested, session, interruptions, policy, now }: World): boolean {
  const asked = attested?.asked
  if (asked === undefined || session?.since === undefined) return false
  if (attested?.boot === session.boot && asked.at >= session.since) return true
  if (policy.graceMinutes === null || session.since > now) return false
  const first = [session.since, ...interruptions].filter((at) => at === session.since || at > asked.at).reduce((a, b) => Math.min(a, b))
  return now < first + policy.graceMinutes
}

function agreesWithItself({ report, session, waivedFrom, waivedUntil, now }: World): boolean {
  if (report === undefined || report.at > now || now - report.at >= EIGHT_DAYS) return false
  if (!report.sip || session?.sip !== true) return false
  const isWaived = waivedUntil !== undefined && waivedFrom <= now && now < waivedUntil
  return report.fileVault || isWaived
}
