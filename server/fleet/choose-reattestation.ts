import { createHash } from 'node:crypto'
import type { MacId } from '#protocol/ids'
import type { Check } from '../attestation/checks.ts'
import type { TrustDecision } from '../attestation/decide-trust.ts'
import type { TrustEvidence } from '../attestation/evidence.ts'
import { HARD_MAX_EVIDENCE_AGE_MS, type Policy, policyFor } from '../attestation/policy.ts'

/** Why Apple is asked again over ACME, the most urgent first: a person waits for it; what runs in its grace would soon be lost. */
const PRIORITY = { asked: 0, grace: 0, boot: 1, key: 2, missing: 3, age: 4 } as const
export type ReattestationCause = keyof typeof PRIORITY

export type ReattestationWish = {
  mac: MacId
  enrollmentId: string
  agentKey: Uint8Array
  cause: ReattestationCause
  priority: number
}

/** A first question over DeviceInformation is given this long before ACME is tried as well. */
const FIRST_ANSWER_MS = 15 * 60_000

/**
 * Whether Apple should attest this Mac anew by ACME, which it does as often as it is asked (DESIGN §4.6): after a change of key or a
 * restart, after a silence, and before the evidence grows too old. Only for a Mac whose bound key answers now, over a channel of ours.
 */
export function chooseReattestation(about: {
  decision: TrustDecision
  evidence: TrustEvidence
  policy: Policy
  now: Date
}): ReattestationWish | undefined {
  const { mac, enrollment, binding, session } = about.evidence
  if (mac.isRevoked || enrollment?.isEnrolled !== true || enrollment.kind === 'external' || enrollment.identityKind === 'scep')
    return undefined
  if (binding === undefined || binding.enrollmentId !== enrollment.id || session?.lastAnsweredAt === undefined) return undefined
  const cause = causeOf(about)
  if (cause === undefined) return undefined
  return { mac: mac.id, enrollmentId: enrollment.id, agentKey: binding.agentKey, cause, priority: PRIORITY[cause] }
}

function causeOf({ decision, evidence, policy, now }: Parameters<typeof chooseReattestation>[0]): ReattestationCause | undefined {
  const check = (id: Check['id']): Check | undefined => decision.checks.find((one) => one.id === id)
  const { device, binding } = evidence
  if (device === undefined) {
    return binding !== undefined && now.getTime() - binding.provedAt.getTime() > FIRST_ANSWER_MS ? 'missing' : undefined
  }
  const boot = check('boot')
  // What attests another key is of no use to a grace.
  if (check('key-committed')?.outcome === 'fail') return 'key'
  if (boot?.outcome === 'info') return 'grace'
  if (boot?.outcome === 'fail') return 'boot'
  return isAgeing(check('evidence-age'), evidence, policyFor(policy, evidence.mac.pool), now) ? 'age' : undefined
}

/** From two thirds of the greatest age on, a little earlier for each Mac than for the next, so that they do not all come at once. */
function isAgeing(age: Check | undefined, { mac }: TrustEvidence, policy: Policy, now: Date): boolean {
  const maxAgeMs = Math.min(policy.maxEvidenceAgeMs, HARD_MAX_EVIDENCE_AGE_MS)
  if (age === undefined || age.observedAt === null) return true
  return now.getTime() - Date.parse(age.observedAt) > maxAgeMs * (0.6 + 0.1 * shareOf(mac.id))
}

/** The same Mac always has the same share, 0 to 1. */
export const shareOf = (macId: string): number => createHash('sha256').update(macId).digest().readUInt32BE() / 0x1_0000_0000
