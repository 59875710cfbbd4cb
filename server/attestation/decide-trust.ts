import { type Appraisal, appraise } from './appraisal.ts'
import { bootGraceEnd } from './boot.ts'
import { channelChecks, mdmSilentFrom } from './checks/channel.ts'
import { codeChecks } from './checks/code.ts'
import { crossChecks } from './checks/cross.ts'
import { deviceChecks } from './checks/device.ts'
import { keyChecks } from './checks/key.ts'
import { livenessChecks } from './checks/liveness.ts'
import { type Check, type Judged, toCheck, unique } from './checks.ts'
import { type ConflictCode, findContradictions } from './contradiction.ts'
import { digestEvidence, type TrustEvidence } from './evidence.ts'
import { type EvidenceAge, evidenceAge } from './evidence-age.ts'
import { type KeyBindingLevel, type Policy, policyFor, waiversFor } from './policy.ts'
import type { Finding, ReasonCode } from './reasons.ts'

export type TrustDecision =
  | (Circumstances & { trust: 'trusted'; until: Date; evidenceDigest: string; keyBinding: KeyBindingLevel; checks: Check[] })
  | (Circumstances & {
      trust: 'refused'
      reasons: readonly [ReasonCode, ...ReasonCode[]]
      /** Nothing but liveness is missing: the Mac is merely off or away. */
      isOffline: boolean
      /** Names the evidence at hand, were it to be trusted; null while a part of it is absent. */
      evidenceDigest: string | null
      checks: Check[]
    })

/** What is to be known of a decision beside its outcome. */
export type Circumstances = {
  /** How old the device attestation is; null without one. */
  age: EvidenceAge | null
  /** The boot state is unproven, and until then the policy lets that pass; null otherwise. */
  bootGrace: Date | null
  /** What no honest Mac shows, and no honest change explains: the Mac belongs into quarantine for this reason. */
  quarantine: { reason: ConflictCode | TamperedCode; detail: string } | null
}

/**
 * Whether this Mac may receive a request now (DESIGN §4): trusted only while every one of the seven items holds, refused with
 * every reason at once. Pure: the same evidence, policy and time give the same decision.
 */
export function decideTrust(evidence: TrustEvidence, policy: Policy, now: Date): TrustDecision {
  const appraisal = appraise(evidence, policyFor(policy, evidence.mac.pool), now)
  const judged = [
    ...deviceChecks(appraisal),
    ...channelChecks(appraisal),
    ...keyChecks(appraisal),
    ...codeChecks(appraisal),
    ...livenessChecks(appraisal),
    ...crossChecks(appraisal),
  ]
  const checks = judged.map((one) => toCheck(one, { now, isWaived: (code) => waiverEnd(appraisal, code) !== undefined }))
  const evidenceDigest = nameEvidence(appraisal)
  const circumstances = circumstancesOf(appraisal, judged)
  const until = trustedUntil(appraisal, unique(judged.flatMap(({ findings }) => findings.map(({ code }) => code))))
  const [first, ...rest] = unique(checks.flatMap((check) => check.reasons))
  if (first === undefined && evidenceDigest !== null && until !== undefined && evidence.binding !== undefined) {
    return { trust: 'trusted', until, evidenceDigest, keyBinding: evidence.binding.level, checks, ...circumstances }
  }
  // Without a reason something is still absent, which the checks should have named: refuse all the same.
  const reasons = [first ?? 'NO_ATTESTATION', ...rest] as const
  return { trust: 'refused', reasons: [...reasons], isOffline: isOffline(reasons), evidenceDigest, checks, ...circumstances }
}

function circumstancesOf(appraisal: Appraisal, judged: readonly Judged[]): Circumstances {
  return { age: evidenceAge(appraisal) ?? null, bootGrace: bootGraceEnd(appraisal) ?? null, quarantine: findQuarantine(appraisal, judged) }
}

/** Apple’s word about one Mac, shown by another. */
type TamperedCode = Extract<ReasonCode, 'REPLAYED' | 'SERIAL_MISMATCH'>
const isTampered = ({ code }: Finding): boolean =>
  code === ('REPLAYED' satisfies TamperedCode) || code === ('SERIAL_MISMATCH' satisfies TamperedCode)

function findQuarantine(appraisal: Appraisal, judged: readonly Judged[]): Circumstances['quarantine'] {
  const contradiction = findContradictions(appraisal).find(({ isQuarantined }) => isQuarantined)
  if (contradiction !== undefined) return { reason: contradiction.code, detail: contradiction.detail }
  const tampered = judged.flatMap(({ findings }) => findings).find(isTampered)
  return tampered === undefined ? null : { reason: tampered.code as TamperedCode, detail: tampered.detail ?? 'attested about another Mac' }
}

/** A Mac that is off answers neither its challenges nor, after days, MDM. One that is silent over MDM alone has been tampered with. */
const isOffline = (reasons: readonly ReasonCode[]): boolean =>
  reasons.every((code) => isAgentSilence(code) || code === 'MDM_SILENT') && reasons.some(isAgentSilence)

const isAgentSilence = (code: ReasonCode): boolean => code === 'NO_SESSION' || code === 'CHALLENGE_MISSED'

function nameEvidence({ evidence: { channel, device, binding }, freshness }: Appraisal): string | null {
  if (channel === undefined || device === undefined || binding === undefined || !('nonce' in freshness)) return null
  return digestEvidence({ channel: channel.chain, device, noncePreimage: freshness.nonce.preimage, binding })
}

/** The first moment at which some piece of evidence, or a waiver in use, will have expired. */
function trustedUntil(appraisal: Appraisal, found: readonly ReasonCode[]): Date | undefined {
  const { evidence, policy, device, identity } = appraisal
  const age = evidenceAge(appraisal)
  if (age === undefined || device?.verdict.ok !== true || identity === undefined) return undefined
  const ends = [
    age.staleAt,
    device.verdict.notAfter,
    identity.notAfter,
    evidence.securityInfo && new Date(evidence.securityInfo.receivedAt.getTime() + policy.maxSecurityInfoAgeMs),
    mdmSilentFrom(appraisal),
    bootGraceEnd(appraisal),
    ...found.map((code) => waiverEnd(appraisal, code)),
  ]
  return new Date(Math.min(...ends.flatMap((end) => (end === undefined ? [] : [end.getTime()]))))
}

/** When the waiver of this code for this Mac ends; undefined where there is none in force. Only policy items can be waived. */
function waiverEnd({ evidence, policy, now }: Appraisal, code: ReasonCode): Date | undefined {
  const ends = waiversFor(policy, evidence.mac, now).flatMap((waiver) => (waiver.code === code ? [Date.parse(waiver.until)] : []))
  return ends.length === 0 ? undefined : new Date(Math.max(...ends))
}
