/**
 * How a release of the agent reaches the fleet: ring by ring, each ring only after the one before has shown that Macs stay routable
 * under it. Pure: the same release, health and time give the same step.
 */
export const RINGS = ['canary', 'early', 'all'] as const
export type Ring = (typeof RINGS)[number]

export type Rollout = {
  state: 'draft' | 'rolling' | 'paused' | 'complete' | 'withdrawn'
  /** The widest ring reached; a Mac of a narrower ring is reached, too. */
  ring: Ring
  /** Since when that ring has been reached. */
  ringSince: Date
}

/** What is seen of the Macs that the release has reached so far. */
export type RolloutHealth = {
  /** Macs of the rings reached that are enrolled. */
  reached: number
  /** Of those, the ones seen within the last day: a Mac that is away can neither update nor fail. */
  present: number
  /** Of the present ones, those whose agent says that it is this release. */
  updated: number
  /** Of the updated ones, those that requests may go to now. */
  updatedRoutable: number
  /** The share of these same Macs that was routable when their ring was reached, 0–1. */
  baselineShare: number
  /** Macs that answered the installation with an error. */
  failed: number
}

export type RolloutRules = {
  /** Points (0–1) by which the routable share may fall below the baseline before the roll-out stops. */
  maxFall: number
  /** Updated Macs below which no share is judged: one Mac that sleeps is no news. */
  minJudged: number
  /** The share of present Macs that must be updated before the next ring. */
  minUpdatedShare: number
  /** How long a ring is watched, at least, before the next. */
  soakMs: Record<Ring, number>
  /** The share of reached Macs whose installation may fail. */
  maxFailedShare: number
}

const HOUR_MS = 3600_000
export const DEFAULT_RULES: RolloutRules = {
  maxFall: 0.2,
  minJudged: 1,
  minUpdatedShare: 0.9,
  soakMs: { canary: HOUR_MS, early: 4 * HOUR_MS, all: 24 * HOUR_MS },
  maxFailedShare: 0.2,
}

export type RolloutStep =
  | { step: 'wait'; because: string }
  | { step: 'advance'; to: Ring }
  | { step: 'complete' }
  /** Stops by itself; only a person lets it go on, or takes it back. */
  | { step: 'pause'; because: string }

export function decideStep(rollout: Rollout, health: RolloutHealth, rules: RolloutRules, now: Date): RolloutStep {
  if (rollout.state !== 'rolling') return { step: 'wait', because: `The roll-out is ${rollout.state}.` }
  const fault = findFault(health, rules)
  if (fault !== undefined) return { step: 'pause', because: fault }
  if (health.reached === 0) return { step: 'wait', because: `No enrolled Mac is in ring “${rollout.ring}”: put some there.` }
  if (health.present === 0) return { step: 'wait', because: `No Mac of ring “${rollout.ring}” has been here within a day.` }
  const missing = Math.ceil(health.present * rules.minUpdatedShare) - health.updated
  if (missing > 0) return { step: 'wait', because: `${missing} more ${missing === 1 ? 'Mac' : 'Macs'} must have updated.` }
  const leftMs = rollout.ringSince.getTime() + rules.soakMs[rollout.ring] - now.getTime()
  if (leftMs > 0) return { step: 'wait', because: `Ring “${rollout.ring}” is watched for ${describeMinutes(leftMs)} more.` }
  const next = RINGS[RINGS.indexOf(rollout.ring) + 1]
  return next === undefined ? { step: 'complete' } : { step: 'advance', to: next }
}

function findFault({ reached, updated, updatedRoutable, baselineShare, failed }: RolloutHealth, rules: RolloutRules): string | undefined {
  if (failed > reached * rules.maxFailedShare) {
    return `${failed} of ${reached} ${reached === 1 ? 'Mac' : 'Macs'} could not install it.`
  }
  if (updated === 0 || updated < rules.minJudged) return undefined
  const share = updatedRoutable / updated
  if (share >= baselineShare - rules.maxFall) return undefined
  return `Only ${percent(share)} of the ${updated} updated ${updated === 1 ? 'Mac is' : 'Macs are'} routable; before it was ${percent(baselineShare)}.`
}

const percent = (share: number): string => `${Math.round(share * 100)} %`
const describeMinutes = (ms: number): string => {
  const minutes = Math.ceil(ms / 60_000)
  return minutes >= 120 ? `${Math.ceil(minutes / 60)} hours` : `${minutes} ${minutes === 1 ? 'minute' : 'minutes'}`
}

/** A release that Macs may be sent to, newest first. */
export type Candidate<Id> = Rollout & { id: Id }

/**
 * The release that a Mac should run: the newest that reaches its ring and rolls, else the newest complete one. A paused release is
 * nobody's target: Macs that have it keep it, the others stay where they are. A withdrawn one sends its Macs back.
 */
export function chooseTarget<Id>(ring: Ring, newestFirst: readonly Candidate<Id>[]): Id | undefined {
  const reaches = (release: Rollout): boolean =>
    release.state === 'complete' || (release.state === 'rolling' && RINGS.indexOf(ring) <= RINGS.indexOf(release.ring))
  return newestFirst.find(reaches)?.id
}
