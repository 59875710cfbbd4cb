import { sha256 } from '@noble/hashes/sha2.js'
import { isEqual } from '#protocol/bytes'
import { MacId } from '#protocol/ids'
import { attestationNonce, attestationNoncePreimage } from '#protocol/statements'
import { splitStatement } from './statement-parts.ts'

/** What a nonce that this appliance sent commits to, read back from its own preimage: nothing else need be believed. */
export type CommittedNonce = {
  nonce: Uint8Array
  preimage: Uint8Array
  mac: MacId
  enrollmentId: string
  /** SubjectPublicKeyInfo of the agent's key. */
  agentKey: Uint8Array
  issuedAt: Date
}

/** Undefined for anything that `attestationNoncePreimage` would not have made, byte for byte. */
export function readNoncePreimage(preimage: Uint8Array): CommittedNonce | undefined {
  const parts = splitStatement(preimage, 5)
  if (parts === undefined) return undefined
  const [macBytes, enrollmentBytes, agentKey, issuedAtBytes, random] = parts
  if (macBytes === undefined || enrollmentBytes === undefined || agentKey === undefined || random === undefined) return undefined
  const mac = MacId.safeParse(ascii(macBytes))
  if (!mac.success || issuedAtBytes?.length !== 8) return undefined
  const issuedAt = Number(new DataView(issuedAtBytes.buffer, issuedAtBytes.byteOffset).getBigUint64(0))
  const enrollmentId = ascii(enrollmentBytes)
  if (!Number.isSafeInteger(issuedAt) || Number.isNaN(new Date(issuedAt).getTime())) return undefined
  const rebuilt = attestationNoncePreimage({ mac: mac.data, enrollmentId, agentKey, issuedAt, random })
  if (!isEqual(rebuilt, preimage)) return undefined
  return { nonce: attestationNonce(preimage), preimage, mac: mac.data, enrollmentId, agentKey, issuedAt: new Date(issuedAt) }
}

const ascii = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

/** Apple: for ACME the freshness code is SHA-256 of the ASCII characters of the challenge's token, not of the key authorization. */
export const acmeFreshness = (token: string): Uint8Array => sha256(Buffer.from(token, 'latin1'))
