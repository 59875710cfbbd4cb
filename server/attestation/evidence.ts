import { createHash } from 'node:crypto'
import { base64url } from '#protocol/bytes'
import { canonicalJson } from '#protocol/canonical'
import type { Claims } from '#protocol/frames'
import type { MacId } from '#protocol/ids'
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
    /** As the Mac reports it over MDM; undefined: it has not said yet. Only Apple silicon can be attested. */
    isAppleSilicon: boolean | undefined
    quarantine: { reason: string; at: Date } | undefined
    /** The pool that it is in, whose rules of the policy it is judged by; null: everyone's. */
    pool: string | null
  }
  enrollment: EnrollmentEvidence | undefined
  /** Apple's attestation of the MDM identity's key, from ACME. */
  channel: ChannelEvidence | undefined
  /** The attestation of the device that is judged: DeviceInformation, or a re-attestation over ACME. */
  device: DeviceEvidence | undefined
  /** Preimages of every nonce that this Mac was sent (statements.ts), in any order. */
  noncePreimages: readonly Uint8Array[]
  /** The agent's key that is bound to this Mac now. */
  binding: BindingEvidence | undefined
  /** MDM SecurityInfo, as the Mac's own system reported it. */
  securityInfo: { report: unknown; receivedAt: Date; evidenceDigest: Uint8Array } | undefined
  /** The agent's session, when there is one. */
  session: SessionEvidence | undefined
  /** What is never to be believed again, wherever it turns up. */
  revoked: Revoked
}

/** SHA-256 (hex) of certificates (DER), of serial numbers (as text) and of keys (SubjectPublicKeyInfo, DER). */
export type Revoked = { certificates: ReadonlySet<string>; serials: ReadonlySet<string>; keys: ReadonlySet<string> }

export const NOTHING_REVOKED: Revoked = { certificates: new Set(), serials: new Set(), keys: new Set() }

/** Another enrollment under which the very same leaf had been received before. */
export type OtherUse = { mac: MacId; enrollmentId: string; at: Date }

export type EnrollmentEvidence = {
  id: string
  /** Its check-in has finished and it has not ended. */
  isEnrolled: boolean
  /** `external`: the Mac belongs to another MDM server; ours has its attested identity and no channel to it. */
  kind: 'profile' | 'automated' | 'external'
  /** How its identity was issued. `scep`: to a key that nobody attested; such a Mac can be managed, never trusted. */
  identityKind: 'acme' | 'scep'
  /** A later enrollment of the same serial number that Apple has attested since; the newest attested one wins. */
  supersededBy: string | undefined
  /** As the Mac reports it; the attestations must say the same. */
  provisioningUdid: string | undefined
  /** The AccessRights that the profile asked for. */
  accessRights: number
  /** SHA-256 of the identity certificate (DER) that this enrollment is pinned to. */
  identitySha256: Uint8Array | undefined
  /** When it last spoke over MDM. */
  lastSeenAt: Date | undefined
}

export type ChannelEvidence = {
  chain: readonly Uint8Array[]
  token: string
  /** When it was received and judged, long before now: its leaf lives 91 days, the identity it vouched for may live longer. */
  receivedAt: Date
  /** The MDM identity (DER) that was issued for it. */
  identityCertificate: Uint8Array
  /** Where its leaf had been received under another enrollment before. */
  otherUses: readonly OtherUse[]
  /** SHA-256 of the raw attestation object. */
  evidenceDigest: Uint8Array
}

export type DeviceEvidence = {
  /**
   * Both commit to the agent's key by the same preimage. DeviceInformation carries its SHA-256 as it was sent; an ACME
   * re-attestation carries SHA-256 of the token, which is that SHA-256 in base64url (`attestationToken`).
   */
  source: 'device_information' | 'acme_reattestation'
  chain: readonly Uint8Array[]
  receivedAt: Date
  /** kern.bootsessionuuid of the agent when it was received; undefined: not known, so every restart since is unproven. */
  bootSession: string | undefined
  /** Where its leaf, or that of another attestation which this Mac has sent of late, had been received under another enrollment. */
  otherUses: readonly OtherUse[]
  /** SHA-256 of the raw reply. */
  evidenceDigest: Uint8Array
}

export type BindingEvidence = {
  agentKey: Uint8Array
  enrollmentId: string
  provedAt: Date
} & (
  | { level: 'ticket' }
  /** SHA-256 of the CertificateList reply in which the Mac's MDM client reported the key, and of its Mdm-Signature. */
  | { level: 'mdm-signed'; replyDigest: Uint8Array; signatureDigest: Uint8Array }
  /** Platform SSO: Apple's chain whose leaf holds the agent's key, under a freshness code that we chose. */
  | { level: 'apple'; chain: readonly Uint8Array[]; clientData: Uint8Array; receivedAt: Date }
)

export type SessionEvidence = {
  /** The key that signs this session's answers. */
  agentKey: Uint8Array
  /** Undefined: connected, not yet proved. */
  lastAnsweredAt: Date | undefined
  /** Challenges missed in a row. */
  missed: number
  /** The claims of the last answer. */
  claims: Claims | undefined
  /**
   * Since when this Mac has been heard in this one boot session without more than 60 s of silence (DESIGN §4.6). What was attested
   * under a nonce sent before that moment says nothing of a restart since. Bounds the grace, too.
   */
  continuousSince: Date | undefined
  /**
   * Earlier beginnings of that kind, in any order, where they are known: the grace counts from the first one after the attestation,
   * so that one silence after another does not prolong it.
   */
  earlierInterruptions?: readonly Date[]
}

/**
 * Names the evidence: SHA-256 (hex) of canonical JSON {Apple's chains, nonce preimage, binding}. Never liveness, never policy,
 * so that the same proof keeps the same name. A binding above `ticket` brings evidence of its own, which is named with it.
 */
export function digestEvidence(parts: {
  channel: readonly Uint8Array[]
  device: Pick<DeviceEvidence, 'source' | 'chain'>
  noncePreimage: Uint8Array
  binding: BindingEvidence
}): string {
  const { channel, device, noncePreimage, binding } = parts
  const named = {
    v: 1,
    chains: { acme: channel.map(base64url), [CHAIN_NAMES[device.source]]: device.chain.map(base64url) },
    noncePreimage: base64url(noncePreimage),
    binding: {
      level: binding.level,
      agentKey: base64url(binding.agentKey),
      enrollment: binding.enrollmentId,
      ...ownEvidence(binding),
    },
  }
  return createHash('sha256').update(canonicalJson(named), 'utf8').digest('hex')
}

const CHAIN_NAMES = { device_information: 'deviceInformation', acme_reattestation: 'acmeReattestation' } as const

function ownEvidence(binding: BindingEvidence): Record<string, string | string[]> {
  switch (binding.level) {
    case 'ticket':
      return {}
    case 'mdm-signed':
      return { reply: base64url(binding.replyDigest), signature: base64url(binding.signatureDigest) }
    case 'apple':
      return { chain: binding.chain.map(base64url), clientData: base64url(binding.clientData) }
    default:
      return binding satisfies never
  }
}
