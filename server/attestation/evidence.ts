import { sha256 } from '@noble/hashes/sha2.js'
import { base64url, hex, utf8 } from '#protocol/bytes'
import { canonicalJson } from '#protocol/canonical'
import type { Claims } from '#protocol/frames'
import type { MacId } from '#protocol/ids'
import type { KeyBindingLevel } from './policy.ts'
import type { TrustAnchors } from './roots.ts'

/**
 * Everything that a decision about one Mac rests on, as received. Any part may be absent; every absent part is a refusal with
 * its own code. Parts keep their own times, so that one growing old (or an agent's update) never spoils another.
 */
export type TrustEvidence = {
  anchors: TrustAnchors
  mac: {
    id: MacId
    serial: string
    isInInventory: boolean
    isRevoked: boolean
    quarantine: { reason: string; at: Date } | undefined
  }
  enrollment: EnrollmentEvidence | undefined
  /** Apple's attestation of the MDM identity's key, from ACME. */
  channel: ChannelEvidence | undefined
  /** The latest DeviceInformation attestation. */
  device: DeviceEvidence | undefined
  /** Preimages of every nonce that this Mac was sent (statements.ts), in any order. */
  noncePreimages: readonly Uint8Array[]
  /** The agent's key that is bound to this Mac now. */
  binding: BindingEvidence | undefined
  /** MDM SecurityInfo, as the Mac's own system reported it. */
  securityInfo: { report: unknown; receivedAt: Date; evidenceDigest: Uint8Array } | undefined
  /** The agent's session, when there is one. */
  session: SessionEvidence | undefined
}

export type EnrollmentEvidence = {
  id: string
  /** Its check-in has finished and it has not ended. */
  isEnrolled: boolean
  /** As the Mac reports it; the attestations must say the same. */
  provisioningUdid: string | undefined
  /** The AccessRights that the profile asked for. */
  accessRights: number
  /** SHA-256 of the identity certificate (DER) that this enrollment is pinned to. */
  identitySha256: Uint8Array | undefined
}

export type ChannelEvidence = {
  chain: readonly Uint8Array[]
  token: string
  /** When it was received and judged, long before now: its leaf lives 91 days, the identity it vouched for may live longer. */
  receivedAt: Date
  /** The MDM identity (DER) that was issued for it. */
  identityCertificate: Uint8Array
  /** SHA-256 of the raw attestation object. */
  evidenceDigest: Uint8Array
}

export type DeviceEvidence = {
  chain: readonly Uint8Array[]
  receivedAt: Date
  /** kern.bootsessionuuid of the agent when it was received; undefined: not known, so every restart since is unproven. */
  bootSession: string | undefined
  /** SHA-256 of the raw reply. */
  evidenceDigest: Uint8Array
}

export type BindingEvidence = { level: KeyBindingLevel; agentKey: Uint8Array; enrollmentId: string; provedAt: Date }

export type SessionEvidence = {
  /** The key that signs this session's answers. */
  agentKey: Uint8Array
  /** Undefined: connected, not yet proved. */
  lastAnsweredAt: Date | undefined
  /** Challenges missed in a row. */
  missed: number
  /** The claims of the last answer. */
  claims: Claims | undefined
  /** Since when this boot session is known; bounds the grace after a restart. */
  bootSince: Date | undefined
}

/**
 * Names the evidence: SHA-256 (hex) of canonical JSON {Apple's chains, nonce preimage, binding}. Never liveness, never policy,
 * so that the same proof keeps the same name. Undefined until all three are there.
 */
export function digestEvidence(parts: {
  channel: readonly Uint8Array[]
  device: readonly Uint8Array[]
  noncePreimage: Uint8Array
  binding: BindingEvidence
}): string {
  const { channel, device, noncePreimage, binding } = parts
  const named = {
    v: 1,
    chains: { acme: channel.map(base64url), deviceInformation: device.map(base64url) },
    noncePreimage: base64url(noncePreimage),
    binding: { level: binding.level, agentKey: base64url(binding.agentKey), enrollment: binding.enrollmentId },
  }
  return hex(sha256(utf8(canonicalJson(named))))
}
