import { randomBytes, timingSafeEqual } from 'node:crypto'
import { hmac } from '@noble/hashes/hmac.js'
import { sha1 } from '@noble/hashes/legacy.js'

/**
 * Codes of an authenticator app: RFC 6238 with its defaults (HMAC-SHA-1, 30 s, six digits), which are all that every app knows.
 * SHA-1's collisions do not touch HMAC (RFC 6238 §1.2, RFC 6194 §3.3).
 */
const STEP_MS = 30_000
const DIGITS = 6
/** RFC 4226 §4 R6: 128 bits at least, 160 recommended. */
const SECRET_BYTES = 20
/** A phone's clock may be off by one step, and a code typed a moment late still counts (RFC 6238 §5.2). */
const DRIFT_STEPS = 1

export const newTotpSecret = (random: (bytes: number) => Uint8Array = randomBytes): Uint8Array => random(SECRET_BYTES)

export const timeStep = (now: Date): number => Math.floor(now.getTime() / STEP_MS)

/** RFC 4226 §5.3: HOTP with the time step as its counter. */
export function totpAt(secret: Uint8Array, step: number, digits = DIGITS): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = Buffer.from(hmac(sha1, secret, counter))
  const offset = (mac[mac.length - 1] as number) & 0x0f
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff
  return String(number % 10 ** digits).padStart(digits, '0')
}

/**
 * The time step that a code belongs to; undefined for a wrong one. Steps up to `after` are not looked at: a code that was seen once
 * is not taken a second time (RFC 6238 §5.2). All the others are compared, each in constant time.
 */
export function findStep(secret: Uint8Array, code: string, place: { now: Date; after: number | null }): number | undefined {
  if (!/^\d{6}$/.test(code)) return undefined
  const given = Buffer.from(code)
  let found: number | undefined
  const present = timeStep(place.now)
  for (let step = present - DRIFT_STEPS; step <= present + DRIFT_STEPS; step++) {
    const isRight = timingSafeEqual(Buffer.from(totpAt(secret, step)), given)
    if (isRight && (place.after === null || step > place.after)) found = step
  }
  return found
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** RFC 4648 §6 without padding, as authenticator apps take a secret that is typed. */
export function toBase32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? []).map((group) => BASE32[Number.parseInt(group.padEnd(5, '0'), 2)]).join('')
}

/** What the QR code holds: `otpauth://totp/…`, the form that authenticator apps agreed on. */
export function otpauthUri(secret: Uint8Array, account: { issuer: string; email: string }): string {
  const label = `${encodeURIComponent(account.issuer)}:${encodeURIComponent(account.email)}`
  return `otpauth://totp/${label}?secret=${toBase32(secret)}&issuer=${encodeURIComponent(account.issuer)}`
}
