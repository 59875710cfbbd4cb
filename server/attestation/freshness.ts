import { isEqual } from '#protocol/bytes'
import type { MacId } from '#protocol/ids'
import { attestationToken } from '#protocol/statements'
import type { DeviceEvidence } from './evidence.ts'
import { acmeFreshness, type CommittedNonce, readNoncePreimage } from './nonce.ts'
import type { Property } from './properties.ts'

/**
 * How an attestation's freshness code relates to what was asked. Apple uses one OID for two rules: a DeviceInformation
 * attestation carries the nonce as it was sent, an ACME one SHA-256 of the token. They are never tried one after the other.
 */
export type AcmeFreshness = 'fresh' | 'absent' | 'mismatch'

export function judgeAcmeFreshness(code: Property<Uint8Array>, token: string): AcmeFreshness {
  if (code.state !== 'known') return 'absent'
  return isEqual(code.value, acmeFreshness(token)) ? 'fresh' : 'mismatch'
}

/**
 * Which of our questions a device attestation answers. A DeviceInformation attestation carries the nonce as it was sent; a
 * re-attestation over ACME carries SHA-256 of the token, and the token is that nonce in base64url. Each is read by the rule of the
 * way it came, never by the other's. Within seven days of the last one, Apple may answer DeviceInformation with an older attestation,
 * which carries an older nonce:
 *   fresh    the last nonce sent before the answer
 *   cached   an earlier one, for the same agent key: good until it is too old
 *   stale    one that commits to another key: it says nothing about the key now bound
 *   unknown  none that was ever sent to this Mac under this enrollment
 */
export type DeviceFreshness =
  | { state: 'fresh' | 'cached' | 'stale_key'; nonce: CommittedNonce }
  | { state: 'absent' }
  | { state: 'unknown' }

export function judgeDeviceFreshness(question: {
  source: DeviceEvidence['source']
  code: Property<Uint8Array>
  /** Preimages of the nonces sent to this Mac, in any order. */
  preimages: readonly Uint8Array[]
  mac: MacId
  enrollmentId: string
  /** Undefined: no key is bound, so none can be stale. */
  agentKey: Uint8Array | undefined
  receivedAt: Date
}): DeviceFreshness {
  const { source, code, mac, enrollmentId, agentKey, receivedAt } = question
  if (code.state !== 'known') return { state: 'absent' }
  const sent = question.preimages
    .map(readNoncePreimage)
    .filter((nonce) => nonce !== undefined)
    .filter((nonce) => nonce.mac === mac && nonce.enrollmentId === enrollmentId && nonce.issuedAt <= receivedAt)
    .sort((a, b) => b.issuedAt.getTime() - a.issuedAt.getTime())
  const nonce = sent.find((candidate) => isEqual(expectedCode(candidate, source), code.value))
  if (nonce === undefined) return { state: 'unknown' }
  if (agentKey !== undefined && !isEqual(nonce.agentKey, agentKey)) return { state: 'stale_key', nonce }
  // ACME attests each key anew; only DeviceInformation repeats.
  return { state: nonce === sent[0] || source === 'acme_reattestation' ? 'fresh' : 'cached', nonce }
}

function expectedCode({ nonce, preimage }: CommittedNonce, source: DeviceEvidence['source']): Uint8Array {
  return source === 'device_information' ? nonce : acmeFreshness(attestationToken(preimage))
}
