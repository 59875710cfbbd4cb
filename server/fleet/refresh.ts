import { createHash } from 'node:crypto'
import { MacId } from '#protocol/ids'
import { type EvidenceAges, listEvidenceAges } from '../store/enrollment-lookup.ts'
import { collectFacts, type PlanDeps, requestAttestation } from './plan.ts'

const HOUR_MS = 3600_000
/** Apple answers from its cache for seven days; asked any earlier, the answer would be no younger. */
const ATTESTATION_AFTER_MS = 7 * 24 * HOUR_MS
const SECURITY_INFO_AFTER_MS = 24 * HOUR_MS
/** Macs enrolled on one morning must not all be asked in one minute a week later. */
const JITTER_MS = 6 * HOUR_MS
/** A question without an answer is put again after this. */
const ASK_AGAIN_AFTER_MS = 12 * HOUR_MS

/**
 * One round over the enrolled Macs: judges again what has run out, asks for evidence that is due. A Mac for which that fails keeps no
 * other waiting; the failures come together at the end.
 */
export async function refreshFleet(deps: PlanDeps): Promise<void> {
  const now = deps.clock.now()
  const failures: unknown[] = []
  for (const ages of await listEvidenceAges(deps.store, now)) {
    await refreshMac(deps, ages, now.getTime()).catch((error: unknown) => failures.push(error))
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} Macs could not be refreshed`)
}

async function refreshMac(deps: PlanDeps, ages: EvidenceAges, now: number): Promise<void> {
  const { enrollmentId } = ages
  const mac = MacId.parse(ages.macId)
  const due = chooseDue(ages, now)
  // A trusted Mac without a session lost it while the database was away.
  if (due.appraisal || (ages.trustedUntil !== null && deps.live.find(mac) === undefined)) await deps.appraiser.appraise(mac)
  if (due.facts) await collectFacts(deps, enrollmentId)
  if (due.attestation !== undefined) await requestAttestation(deps, { mac, enrollmentId, agentKey: due.attestation })
}

/** Pure: what one Mac's evidence needs now. `attestation` is the key to ask about. */
export function chooseDue(ages: EvidenceAges, now: number): { facts: boolean; attestation: Uint8Array | undefined; appraisal: boolean } {
  const jitter = jitterOf(ages.macId)
  const isOlder = (at: Date | null, ageMs: number): boolean => at === null || now - at.getTime() > ageMs + jitter
  const isRecent = (at: Date | null): boolean => at !== null && now - at.getTime() < ASK_AGAIN_AFTER_MS
  const isDue = ages.agentKey !== null && !isRecent(ages.lastAskedAt) && isOlder(ages.attestedAt, ATTESTATION_AFTER_MS)
  return {
    facts: !ages.isFactsAsked && !isRecent(ages.factsAskedAt) && isOlder(ages.securityInfoAt, SECURITY_INFO_AFTER_MS),
    attestation: isDue ? (ages.agentKey ?? undefined) : undefined,
    appraisal: ages.trustedUntil !== null && ages.trustedUntil.getTime() <= now,
  }
}

/** The same Mac always has the same share of the jitter. */
function jitterOf(macId: string): number {
  return (createHash('sha256').update(macId).digest().readUInt32BE() / 0x1_0000_0000) * JITTER_MS
}
