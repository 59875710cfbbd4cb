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
/** A question without an answer is put again after this; the command queue keeps one of a kind anyway. */
const ASK_AGAIN_AFTER_MS = 12 * HOUR_MS

/** One round over the enrolled Macs: asks for evidence that is due and judges again what has run out. */
export async function refreshFleet(deps: PlanDeps): Promise<void> {
  const now = deps.clock.now().getTime()
  for (const ages of await listEvidenceAges(deps.store)) {
    const mac = MacId.parse(ages.macId)
    const due = chooseDue(ages, now)
    if (due.facts) await collectFacts(deps, ages.enrollmentId)
    if (due.attestation !== undefined) {
      await requestAttestation(deps, { mac, enrollmentId: ages.enrollmentId, agentKey: due.attestation })
    }
    if (due.appraisal) await deps.appraiser.appraise(mac)
  }
}

/** Pure: what one Mac's evidence needs now. `attestation` is the key to ask about. */
export function chooseDue(ages: EvidenceAges, now: number): { facts: boolean; attestation: Uint8Array | undefined; appraisal: boolean } {
  const jitter = jitterOf(ages.macId)
  const isOlder = (at: Date | null, ageMs: number): boolean => at === null || now - at.getTime() > ageMs + jitter
  const wasAsked = ages.lastAskedAt !== null && now - ages.lastAskedAt.getTime() < ASK_AGAIN_AFTER_MS
  const isDue = ages.agentKey !== null && !wasAsked && isOlder(ages.attestedAt, ATTESTATION_AFTER_MS)
  return {
    facts: isOlder(ages.securityInfoAt, SECURITY_INFO_AFTER_MS),
    attestation: isDue ? (ages.agentKey ?? undefined) : undefined,
    appraisal: ages.trustedUntil !== null && ages.trustedUntil.getTime() <= now,
  }
}

/** The same Mac always has the same share of the jitter. */
function jitterOf(macId: string): number {
  return (createHash('sha256').update(macId).digest().readUInt32BE() / 0x1_0000_0000) * JITTER_MS
}
