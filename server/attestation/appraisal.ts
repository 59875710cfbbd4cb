import { type Certificate, parseCertificate } from './certificate.ts'
import { type ChainVerdict, verifyChain } from './chain.ts'
import type { TrustEvidence } from './evidence.ts'
import { type DeviceFreshness, judgeDeviceFreshness } from './freshness.ts'
import { createMemo } from './memo.ts'
import type { Policy } from './policy.ts'
import { type AttestedProperties, readProperties } from './properties.ts'
import { parseSecurityReport, type SecurityReport } from './security-report.ts'

/** The evidence, read once, so that every check judges the same thing. */
export type Appraisal = {
  evidence: TrustEvidence
  policy: Policy
  now: Date
  device: AttestedChain | undefined
  channel: AttestedChain | undefined
  /** The chain that attests the agent's own key, where the binding has one. */
  key: AttestedChain | undefined
  /** The MDM identity; undefined where it is absent or no certificate. */
  identity: Certificate | undefined
  freshness: DeviceFreshness
  report: SecurityReport | undefined
}

/** `properties` of a chain that does not hold are somebody's words, not Apple's. */
export type AttestedChain = { verdict: ChainVerdict; properties: AttestedProperties | undefined }

export function appraise(evidence: TrustEvidence, policy: Policy, now: Date): Appraisal {
  const { device: deviceEvidence, channel: channelEvidence, binding } = evidence
  const device = deviceEvidence && readChain(deviceEvidence.chain, evidence, now)
  return {
    evidence,
    policy,
    now,
    device,
    // Judged as of its receipt: the identity issued then outlives the leaf that vouched for its key.
    channel: channelEvidence && readChain(channelEvidence.chain, evidence, channelEvidence.receivedAt),
    // So does the agent's key, which lives in the Secure Enclave for good.
    key: binding?.level === 'apple' ? readChain(binding.chain, evidence, binding.receivedAt) : undefined,
    identity: channelEvidence && readIdentity(channelEvidence.identityCertificate),
    freshness: judgeFreshness(evidence, device?.properties),
    report: evidence.securityInfo && parseSecurityReport(evidence.securityInfo.report),
  }
}

function readChain(chain: readonly Uint8Array[], { anchors }: TrustEvidence, at: Date): AttestedChain {
  const verdict = verifyChain(chain, anchors, at)
  return { verdict, properties: verdict.leaf && readProperties(verdict.leaf) }
}

/** One a Mac, for ten thousand Macs; see `chain.ts`. */
const identities = createMemo<Certificate | undefined>(12_288)

function readIdentity(der: Uint8Array): Certificate | undefined {
  return identities([der], () => {
    const parsed = parseCertificate(der)
    return parsed.ok ? parsed.certificate : undefined
  })
}

function judgeFreshness(evidence: TrustEvidence, properties: AttestedProperties | undefined): DeviceFreshness {
  if (evidence.device === undefined || properties === undefined) return { state: 'absent' }
  if (evidence.enrollment === undefined) return { state: 'unknown' }
  return judgeDeviceFreshness({
    source: evidence.device.source,
    code: properties.freshness,
    preimages: evidence.noncePreimages,
    mac: evidence.mac.id,
    enrollmentId: evidence.enrollment.id,
    agentKey: evidence.binding?.agentKey,
    receivedAt: evidence.device.receivedAt,
  })
}

/**
 * Since when the attested state may have been so, at the earliest: the nonce was unguessable before it was sent, and a
 * certificate is not made before its own beginning. Undefined without a device attestation.
 */
export function attestedSince({ device, freshness }: Appraisal): Date | undefined {
  const leaf = device?.verdict.leaf
  if (leaf === undefined) return undefined
  const sent = 'nonce' in freshness ? freshness.nonce.issuedAt.getTime() : 0
  return new Date(Math.max(leaf.notBefore.getTime(), sent))
}

/** Milliseconds since `at`; `isAhead` when it lies in the future beyond what clocks of one installation may differ. */
export function ageOf(at: Date, now: Date): { ageMs: number; isAhead: boolean } {
  const ageMs = now.getTime() - at.getTime()
  return { ageMs, isAhead: ageMs < -CLOCK_TOLERANCE_MS }
}

const CLOCK_TOLERANCE_MS = 5_000
