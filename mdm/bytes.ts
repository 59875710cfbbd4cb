import { createHash, timingSafeEqual } from 'node:crypto'

export const sha256 = (bytes: Uint8Array | string): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())

/** Equality whose time depends on the length alone. */
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b)

export const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Base64url without padding, canonical (RFC 7515 §2); undefined for anything else. */
export function fromBase64url(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? new Uint8Array(bytes) : undefined
}

/** Base64 with padding, canonical; undefined for anything else. */
export function fromBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? new Uint8Array(bytes) : undefined
}

/** An opaque word of `bytes` random bytes, in base64url. */
export const randomWord = (random: (bytes: number) => Uint8Array, bytes: number): string => base64url(random(bytes))

/** RFC 9562 §5.4, version 4, in the upper case that Apple's systems use. */
export function randomUuid(random: (bytes: number) => Uint8Array): string {
  const bytes = Buffer.from(random(16))
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  return bytes
    .toString('hex')
    .toUpperCase()
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
