import { SILENCE_LIMIT_MS } from '#protocol/frames'
import { MacId } from '#protocol/ids'
import { type EvidenceAges, findLivingEnrollment, listEvidenceAges } from '../store/enrollment-lookup.ts'
import { shareOf } from './choose-reattestation.ts'
import { collectFacts, type PlanDeps, requestAttestation } from './plan.ts'

const HOUR_MS = 3600_000
/** Apple answers from its cache for seven days; asked any earlier, the answer would be no younger. */
const ATTESTATION_AFTER_MS = 7 * 24 * HOUR_MS
const SECURITY_INFO_AFTER_MS = 24 * HOUR_MS
/** Macs enrolled on one morning must not all be asked in one minute a week later. */
const JITTER_MS = 6 * HOUR_MS
/** A question without an answer is put again after this. */
const ASK_AGAIN_AFTER_MS = 12 * HOUR_MS
/** Macs looked at in one statement. */
const BATCH = 500
/** Macs refreshed side by side. */
const AT_ONCE = 8

/**
 * One round over the enrolled Macs: judges again what has run out, asks for evidence that is due, and lets Apple be asked again over
 * ACME. A Mac for which that fails keeps no other waiting; the failures come together at the end.
 */
export async function refreshFleet(deps: PlanDeps): Promise<void> {
  const now = deps.clock.now()
  const failures: unknown[] = []
  let after = ''
  for (;;) {
    const batch = await listEvidenceAges(deps.store, { now, after, limit: BATCH })
    for (let start = 0; start < batch.length; start += AT_ONCE) {
      const refreshed = batch.slice(start, start + AT_ONCE).map((ages) => refreshMac(deps, ages, now.getTime()))
      for (const result of await Promise.allSettled(refreshed)) if (result.status === 'rejected') failures.push(result.reason)
    }
    const last = batch.at(-1)
    if (last === undefined || batch.length < BATCH) break
    after = last.enrollmentId
  }
  await deps.reattestations.pump().catch((error: unknown) => failures.push(error))
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} Macs could not be refreshed`)
}

async function refreshMac(deps: PlanDeps, ages: EvidenceAges, now: number): Promise<void> {
  const { enrollmentId } = ages
  const mac = MacId.parse(ages.macId)
  const due = chooseDue(ages, now)
  // A trusted Mac without a session lost it while the database was away; just after a start it is only on its way back.
  const isMissing = ages.trustedUntil !== null && deps.live.find(mac) === undefined && !isJustStarted(deps, now)
  if (due.appraisal || isMissing) await deps.appraiser.appraise(mac)
  if (due.facts) await collectFacts(deps, enrollmentId)
  if (due.attestation !== undefined) await requestAttestation(deps, { mac, enrollmentId, agentKey: due.attestation })
}

const isJustStarted = ({ startedAt }: PlanDeps, now: number): boolean =>
  startedAt !== undefined && now - startedAt.getTime() < SILENCE_LIMIT_MS

/** Pure: what one Mac's evidence needs now. `attestation` is the key to ask about. */
export function chooseDue(ages: EvidenceAges, now: number): { facts: boolean; attestation: Uint8Array | undefined; appraisal: boolean } {
  const jitter = shareOf(ages.macId) * JITTER_MS
  const isOlder = (at: Date | null, ageMs: number): boolean => at === null || now - at.getTime() > ageMs + jitter
  const isRecent = (at: Date | null): boolean => at !== null && now - at.getTime() < ASK_AGAIN_AFTER_MS
  const isDue = ages.agentKey !== null && !isRecent(ages.lastAskedAt) && isOlder(ages.attestedAt, ATTESTATION_AFTER_MS)
  return {
    facts: !ages.isFactsAsked && !isRecent(ages.factsAskedAt) && isOlder(ages.securityInfoAt, SECURITY_INFO_AFTER_MS),
    attestation: isDue ? (ages.agentKey ?? undefined) : undefined,
    appraisal: ages.trustedUntil !== null && ages.trustedUntil.getTime() <= now,
  }
}

/**
 * Asks one Mac now for everything that speaks of its state, because a person wants to know: its own reports over MDM, and Apple about
 * the key. By ACME, where a new answer is to be had at any time: asked by DeviceInformation, Apple repeats the last one for seven days.
 */
export async function askAnew(
  deps: PlanDeps,
  { mac, enrollmentId, agentKey }: { mac: MacId; enrollmentId: string; agentKey: Uint8Array | undefined },
): Promise<void> {
  await collectFacts(deps, enrollmentId)
  if (agentKey === undefined) return
  const enrollment = await findLivingEnrollment(deps.store, mac)
  // An identity that is no key of the Secure Enclave brings no other along.
  if (enrollment?.identityKind === 'scep') return requestAttestation(deps, { mac, enrollmentId, agentKey })
  await deps.reattestations.want({ mac, enrollmentId, agentKey, cause: 'asked', priority: 0 })
}

/** After a release from quarantine; about the key that answers now. */
export async function askAfterRelease(deps: PlanDeps, mac: MacId): Promise<void> {
  const enrollment = await findLivingEnrollment(deps.store, mac)
  if (enrollment?.state !== 'enrolled') return
  await askAnew(deps, { mac, enrollmentId: enrollment.id, agentKey: deps.live.find(mac)?.agentKey })
}
