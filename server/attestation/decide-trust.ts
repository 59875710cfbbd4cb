import { type Appraisal, appraise, attestedSince } from './appraisal.ts'
import { parseCertificate } from './certificate.ts'
import { channelChecks } from './checks/channel.ts'
import { codeChecks } from './checks/code.ts'
import { crossChecks } from './checks/cross.ts'
import { deviceChecks, maxEvidenceAgeMs } from './checks/device.ts'
import { keyChecks } from './checks/key.ts'
import { bootGraceEnd, livenessChecks } from './checks/liveness.ts'
import { type Check, toCheck, unique } from './checks.ts'
import { digestEvidence, type TrustEvidence } from './evidence.ts'
import type { KeyBindingLevel, Policy } from './policy.ts'
import { describeReason, type ReasonCode } from './reasons.ts'

export type TrustDecision =
  | { trust: 'trusted'; until: Date; evidenceDigest: string; keyBinding: KeyBindingLevel; checks: Check[] }
  | {
      trust: 'refused'
      reasons: readonly [ReasonCode, ...ReasonCode[]]
      /** Nothing but liveness is missing: the Mac is merely off or away. */
      isOffline: boolean
      /** Names the evidence at hand, were it to be trusted; null while a part of it is absent. */
      evidenceDigest: string | null
      checks: Check[]
    }

/**
 * Whether this Mac may receive a request now (DESIGN §4): trusted only while every one of the seven items holds, refused with
 * every reason at once. Pure: the same evidence, policy and time give the same decision.
 */
export function decideTrust(evidence: TrustEvidence, policy: Policy, now: Date): TrustDecision {
  const appraisal = appraise(evidence, policy, now)
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
  const until = trustedUntil(appraisal, unique(judged.flatMap(({ findings }) => findings.map(({ code }) => code))))
  const [first, ...rest] = unique(checks.flatMap((check) => check.reasons))
  if (first === undefined && evidenceDigest !== null && until !== undefined && evidence.binding !== undefined) {
    return { trust: 'trusted', until, evidenceDigest, keyBinding: evidence.binding.level, checks }
  }
  // Without a reason something is still absent, which the checks should have named: refuse all the same.
  const reasons = [first ?? 'NO_ATTESTATION', ...rest] as const
  return { trust: 'refused', reasons: [...reasons], isOffline: reasons.every(isLiveness), evidenceDigest, checks }
}

const isLiveness = (code: ReasonCode): boolean => code === 'NO_SESSION' || code === 'CHALLENGE_MISSED'

function nameEvidence({ evidence: { channel, device, binding }, freshness }: Appraisal): string | null {
  if (channel === undefined || device === undefined || binding === undefined || !('nonce' in freshness)) return null
  return digestEvidence({ channel: channel.chain, device: device.chain, noncePreimage: freshness.nonce.preimage, binding })
}

/** The first moment at which some piece of evidence, or a waiver in use, will have expired. */
function trustedUntil(appraisal: Appraisal, found: readonly ReasonCode[]): Date | undefined {
  const { evidence, policy, device } = appraisal
  const since = attestedSince(appraisal)
  const identity = evidence.channel && parseCertificate(evidence.channel.identityCertificate)
  if (since === undefined || device?.verdict.ok !== true || identity?.ok !== true || evidence.securityInfo === undefined) return undefined
  const ends = [
    since.getTime() + maxEvidenceAgeMs(appraisal),
    device.verdict.notAfter.getTime(),
    identity.certificate.notAfter.getTime(),
    evidence.securityInfo.receivedAt.getTime() + policy.maxSecurityInfoAgeMs,
    bootGraceEnd(appraisal)?.getTime() ?? Number.POSITIVE_INFINITY,
    ...found.map((code) => waiverEnd(appraisal, code)?.getTime() ?? Number.POSITIVE_INFINITY),
  ]
  return new Date(Math.min(...ends))
}

/** When the waiver of this code for this Mac ends; undefined where there is none in force. Only policy items can be waived. */
function waiverEnd({ evidence, policy, now }: Appraisal, code: ReasonCode): Date | undefined {
  if (!describeReason(code).isWaivable) return undefined
  const ends = policy.waivers
    .filter((waiver) => waiver.code === code && (waiver.mac === undefined || waiver.mac === evidence.mac.id))
    .map((waiver) => new Date(waiver.until))
    .filter((end) => now < end)
    .sort((a, b) => b.getTime() - a.getTime())
  return ends[0]
}
