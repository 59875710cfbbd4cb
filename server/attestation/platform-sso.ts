import { sha256 } from '@noble/hashes/sha2.js'
import { isEqual } from '#protocol/bytes'
import { MacId, SessionId } from '#protocol/ids'
import { keyAttestationClientData } from '#protocol/statements'
import type { Certificate } from './certificate.ts'
import { verifyChain } from './chain.ts'
import { HARD_MAX_EVIDENCE_AGE_MS } from './policy.ts'
import { judgeSerial, judgeUdid } from './posture.ts'
import { type AttestedProperties, readProperties } from './properties.ts'
import type { Finding } from './reasons.ts'
import type { TrustAnchors } from './roots.ts'
import { splitStatement } from './statement-parts.ts'

/**
 * Platform SSO key attestation (macOS 15.4): Apple's word that this very key lives in the Secure Enclave of the Mac with this serial
 * number and UDID. Source: Apple, "Platform single sign-on", ASAuthorizationProviderExtensionLoginManager `attestKey(ofType:
 * clientDataHash:)`, and the profile key AllowDeviceIdentifiersInAttestation. Reference §3.5, row 4.
 */
export type KeyAttestation = {
  /** Leaf first. */
  chain: readonly Uint8Array[]
  /** Of which Apple was given the SHA-256; made by `keyAttestationClientData`. */
  clientData: Uint8Array
  receivedAt: Date
}

/**
 * Everything found wrong with the attestation of an agent's key; none: the key is this Mac's. The chain is judged as of its receipt:
 * the key stays in its Secure Enclave for good, while the leaf lives three months. Pure; never throws for its input.
 */
export function judgeKeyAttestation(
  attestation: KeyAttestation,
  expected: { anchors: TrustAnchors; mac: MacId; agentKey: Uint8Array; serial: string; udid: string | undefined },
): Finding[] {
  const verdict = verifyChain(attestation.chain, expected.anchors, attestation.receivedAt)
  const findings = verdict.ok ? [] : [...verdict.findings]
  if (verdict.leaf === undefined) return findings
  const properties = readProperties(verdict.leaf)
  return [
    ...findings,
    ...judgeKey(verdict.leaf, expected.agentKey),
    ...judgeSerial(properties, expected.serial),
    ...judgeUdid(properties, expected.udid),
    ...judgeQuestion(properties, attestation.clientData, expected),
    ...judgeAge(verdict.leaf, attestation.receivedAt),
  ]
}

function judgeKey(leaf: Certificate, agentKey: Uint8Array): Finding[] {
  if (!isEqual(leaf.spki, agentKey)) return [{ code: 'PSSO_KEY_MISMATCH' }]
  // The agent signs with P-256 and nothing else; another curve cannot be its key.
  return leaf.publicKey?.curve === 'P-256' ? [] : [{ code: 'ALG_NOT_ALLOWED', detail: 'an attested key of Platform SSO is P-256' }]
}

/** The question was ours, about this Mac and this key, and Apple answers exactly it. */
function judgeQuestion(
  { freshness }: AttestedProperties,
  clientData: Uint8Array,
  { mac, agentKey }: { mac: MacId; agentKey: Uint8Array },
): Finding[] {
  const question = readKeyAttestationClientData(clientData)
  if (question === undefined || question.mac !== mac || !isEqual(question.agentKey, agentKey)) {
    return [{ code: 'FRESHNESS_UNKNOWN', detail: 'the client data is not of this Mac and key' }]
  }
  if (freshness.state !== 'known') return [{ code: 'FRESHNESS_MISSING' }]
  return isEqual(freshness.value, sha256(clientData)) ? [] : [{ code: 'FRESHNESS_MISMATCH' }]
}

/** The system may hand out an attestation made earlier for the same key; beyond the hard limit it says too little. */
function judgeAge(leaf: Certificate, receivedAt: Date): Finding[] {
  const ageMs = receivedAt.getTime() - leaf.notBefore.getTime()
  return ageMs > HARD_MAX_EVIDENCE_AGE_MS ? [{ code: 'ATTESTATION_STALE', detail: 'when it was received' }] : []
}

export type KeyQuestion = { mac: MacId; session: SessionId; nonce: Uint8Array; agentKey: Uint8Array }

const MIN_NONCE_BYTES = 16

/** Undefined for anything that `keyAttestationClientData` would not have made, byte for byte. */
export function readKeyAttestationClientData(clientData: Uint8Array): KeyQuestion | undefined {
  const parts = splitStatement(clientData, 4)
  if (parts === undefined) return undefined
  const [macBytes, sessionBytes, nonce, agentKey] = parts
  const mac = MacId.safeParse(macBytes && Buffer.from(macBytes).toString('latin1'))
  const session = SessionId.safeParse(sessionBytes && Buffer.from(sessionBytes).toString('latin1'))
  if (!mac.success || !session.success || nonce === undefined || agentKey === undefined || nonce.length < MIN_NONCE_BYTES) return undefined
  const question = { mac: mac.data, session: session.data, nonce, agentKey }
  return isEqual(keyAttestationClientData(question), clientData) ? question : undefined
}
