import { createPublicKey, verify } from 'node:crypto'
import { p256 } from '@noble/curves/nist.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { z } from 'zod'
import { base64url, concat, fromBase64url, hex, isEqual, u64, utf8 } from './bytes.ts'
import { type Canonical, canonicalJson } from './canonical.ts'
import { Claims, type SignedKeyConfig } from './frames.ts'
import { MacId, SessionId } from './ids.ts'
import { isPlainJson } from './plain-text.ts'

/**
 * What a Mac signs, and what Apple's attestation commits to. Every statement is
 *   "espalier/1 " ‖ purpose ‖ 0x00 ‖ body
 * so that bytes signed for one purpose never verify for another.
 */
export type Purpose = 'challenge' | 'heartbeat' | 'key-config' | 'bind' | 'attestation-nonce' | 'key-attestation' | 'revocation-list'

export function statement(purpose: Purpose, body: Uint8Array): Uint8Array {
  return concat(utf8(`espalier/1 ${purpose}`), Uint8Array.of(0), body)
}

/** Signs with a P-256 key wherever it lives; the Secure Enclave's is asked over this interface. */
export interface Signer {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array
  /** ECDSA over SHA-256 of `message`, IEEE P1363 (64 bytes). */
  sign(message: Uint8Array): Promise<Uint8Array>
}

/** DER prefix of a P-256 SubjectPublicKeyInfo with an uncompressed point (RFC 5480 §2): the only form accepted. */
const P256_SPKI_PREFIX = new Uint8Array(Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex'))

/** The 65-byte point of a P-256 SubjectPublicKeyInfo; undefined for anything else, points off the curve included. */
export function p256Point(spki: Uint8Array): Uint8Array | undefined {
  if (spki.length !== P256_SPKI_PREFIX.length + 65) return undefined
  if (!isEqual(spki.subarray(0, P256_SPKI_PREFIX.length), P256_SPKI_PREFIX)) return undefined
  const point = spki.slice(P256_SPKI_PREFIX.length)
  return point[0] === 4 && p256.utils.isValidPublicKey(point, false) ? point : undefined
}

/**
 * True when `signature` (IEEE P1363) is `spki`'s over the statement. High-S is accepted: the Secure Enclave does not normalise.
 * Node's own verification takes a twentieth of noble's time, and anybody can ask for one; noble is the second opinion in the tests.
 */
export function verifyStatement(options: { spki: Uint8Array; purpose: Purpose; body: Uint8Array; signature: Uint8Array }): boolean {
  if (p256Point(options.spki) === undefined || options.signature.length !== 64) return false
  const key = createPublicKey({ key: Buffer.from(options.spki), format: 'der', type: 'spki' })
  return verify('sha256', statement(options.purpose, options.body), { key, dsaEncoding: 'ieee-p1363' }, options.signature)
}

/** The transcript of one challenge (DESIGN §4.5): all claims, bound to session, nonce, time and the transcript before. */
export const Transcript = z.strictObject({
  v: z.literal(1),
  session: SessionId,
  nonce: z.string(),
  at: z.number().int(),
  previous: z.string().nullable(),
  claims: Claims,
})
export type Transcript = z.infer<typeof Transcript>

export const Beat = z.strictObject({
  v: z.literal(1),
  /** The nonce of the last challenge or pulse of this session. Without it a beat keeps the socket open and proves no presence. */
  pulse: z.string().max(64).optional(),
  session: SessionId,
  sequence: z.number().int().min(0),
  at: z.number().int(),
  available: z.boolean(),
  active: z.number().int().min(0),
  bootSession: z.string().max(64),
})
export type Beat = z.infer<typeof Beat>

/** What a key configuration says (DESIGN §6); its SHA-256 names it everywhere. */
export const KeyConfig = z.strictObject({
  v: z.literal(1),
  suite: z.enum(['x25519-hkdf-sha256-aes256gcm']),
  publicKey: z.string(),
  notBefore: z.number().int(),
  notAfter: z.number().int(),
  mac: MacId,
  evidenceDigest: z.string().regex(/^[0-9a-f]{64}$/),
  build: z.string().max(64),
})
export type KeyConfig = z.infer<typeof KeyConfig>

/** Longest life of a key configuration. */
export const MAX_KEY_CONFIG_LIFE_MS = 24 * 3600_000

export type Signed = { body: string; signature: string }

/** Signs a value's canonical JSON; what is sent is exactly what was signed. */
export async function signCanonical(signer: Signer, purpose: Purpose, value: Canonical): Promise<Signed> {
  const body = utf8(canonicalJson(value))
  return { body: base64url(body), signature: base64url(await signer.sign(statement(purpose, body))) }
}

export type Opened<T> = { ok: true; value: T; digest: string } | { ok: false; reason: 'malformed' | 'not_canonical' | 'bad_signature' }

/** Verifies first, then parses, then insists that the bytes were the value's one canonical form. `digest` = SHA-256 (hex) of the body. */
export function openSigned<T>(options: { spki: Uint8Array; purpose: Purpose; signed: Signed; schema: z.ZodType<T> }): Opened<T> {
  const body = fromBase64url(options.signed.body)
  const signature = fromBase64url(options.signed.signature)
  if (body === undefined || signature === undefined) return { ok: false, reason: 'malformed' }
  if (!verifyStatement({ spki: options.spki, purpose: options.purpose, body, signature })) return { ok: false, reason: 'bad_signature' }
  return parseCanonical(body, options.schema)
}

function parseCanonical<T>(body: Uint8Array, schema: z.ZodType<T>): Opened<T> {
  try {
    // ignoreBOM keeps a byte order mark in the text, where it is malformed; by default it would vanish and the bytes pass as canonical.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
    const parsed = schema.safeParse(JSON.parse(text))
    if (!parsed.success) return { ok: false, reason: 'malformed' }
    if (canonicalJson(parsed.data as Canonical) !== text) return { ok: false, reason: 'not_canonical' }
    if (!isPlainJson(text)) return { ok: false, reason: 'malformed' }
    return { ok: true, value: parsed.data, digest: hex(sha256(body)) }
  } catch {
    return { ok: false, reason: 'malformed' }
  }
}

export function openKeyConfig(spki: Uint8Array, signed: SignedKeyConfig): Opened<KeyConfig> {
  return openSigned({ spki, purpose: 'key-config', signed: { body: signed.config, signature: signed.signature }, schema: KeyConfig })
}

/** HMAC(ticket, bind statement over ticket id ‖ Mac ‖ session ‖ session nonce ‖ agent key), every part length-prefixed. */
export function bindProof(options: {
  ticket: Uint8Array
  ticketId: string
  mac: MacId
  session: SessionId
  nonce: Uint8Array
  agentKey: Uint8Array
}): Uint8Array {
  const body = lengthPrefixed(utf8(options.ticketId), utf8(options.mac), utf8(options.session), options.nonce, options.agentKey)
  return hmac(sha256, options.ticket, statement('bind', body))
}

/**
 * Preimage of a DeviceAttestationNonce: commits to the agent's key (DESIGN §4.3). The nonce itself is SHA-256 of these bytes.
 * `random` makes each nonce new, so that Apple's cache can be told from a fresh attestation.
 */
export function attestationNoncePreimage(options: {
  mac: MacId
  enrollmentId: string
  agentKey: Uint8Array
  issuedAt: number
  random: Uint8Array
}): Uint8Array {
  const body = lengthPrefixed(utf8(options.mac), utf8(options.enrollmentId), options.agentKey, u64(options.issuedAt), options.random)
  return statement('attestation-nonce', body)
}

export const attestationNonce = (preimage: Uint8Array): Uint8Array => sha256(preimage)

/**
 * What Platform SSO is asked to attest the agent's key for: statement 'key-attestation' over Mac ‖ session ‖ nonce ‖ agent key, each
 * length-prefixed. Apple's freshness code is SHA-256 of these bytes (the clientDataHash).
 */
export function keyAttestationClientData(options: { mac: MacId; session: SessionId; nonce: Uint8Array; agentKey: Uint8Array }): Uint8Array {
  return statement('key-attestation', lengthPrefixed(utf8(options.mac), utf8(options.session), options.nonce, options.agentKey))
}

/** The common name of the certificate that an agent puts into the System keychain for level mdm-signed; RFC 5280 allows 64 characters. */
export const publishedKeyName = (nonce: Uint8Array): string => `espalier ${base64url(nonce)}`

/** What is revoked, by number; a higher number wins over a restored backup (DESIGN §4). Signed by the installation's log key, Ed25519. */
export const RevocationList = z.strictObject({
  v: z.literal(1),
  number: z.number().int().min(1),
  issuedAt: z.number().int(),
  /** SHA-256 (hex) of serial numbers: the list is held by every Mac and names none of them. */
  macs: z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(20_000),
  /** SHA-256 (hex) of API keys. */
  apiKeys: z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(20_000),
})
export type RevocationList = z.infer<typeof RevocationList>

/** The ACME challenge's token that commits to the same preimage: Apple's freshness code is then SHA-256 of its ASCII characters. */
export const attestationToken = (preimage: Uint8Array): string => base64url(attestationNonce(preimage))

function lengthPrefixed(...parts: Uint8Array[]): Uint8Array {
  return concat(...parts.flatMap((part) => [u64(part.length), part]))
}
