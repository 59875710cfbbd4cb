import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

/**
 * `esp_` ‖ 40 random base62 characters (238 bits) ‖ 6 characters of checksum: CRC-32 of everything before, in base62.
 * The checksum lets a mistyped or truncated key be refused without asking the database, and lets secret scanners be sure.
 */
const PREFIX = 'esp_'
const RANDOM_CHARACTERS = 40
const CHECKSUM_CHARACTERS = 6
/** How much of a key may be shown afterwards. */
const SHOWN_CHARACTERS = PREFIX.length + 6
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const SHAPE = new RegExp(`^${PREFIX}[0-9A-Za-z]{${RANDOM_CHARACTERS + CHECKSUM_CHARACTERS}}$`)

export function newApiKey(random: (bytes: number) => Uint8Array = randomBytes): string {
  const body = PREFIX + randomBase62(RANDOM_CHARACTERS, random)
  return body + checksum(body)
}

/** True for a key of our shape whose checksum is right; says nothing of whether it was ever issued. */
export function isWellFormedApiKey(key: string): boolean {
  return SHAPE.test(key) && key.slice(-CHECKSUM_CHARACTERS) === checksum(key.slice(0, -CHECKSUM_CHARACTERS))
}

export const shownPrefix = (key: string): string => key.slice(0, SHOWN_CHARACTERS)

/** A key has 238 random bits: a plain hash is enough, there is nothing to guess. */
export const hashApiKey = (key: string): Buffer => createHash('sha256').update(key).digest()

function checksum(body: string): string {
  let rest = crc32(body)
  let text = ''
  for (let i = 0; i < CHECKSUM_CHARACTERS; i++) {
    text = ALPHABET[rest % 62] + text
    rest = Math.floor(rest / 62)
  }
  return text
}

function randomBase62(length: number, random: (bytes: number) => Uint8Array): string {
  let text = ''
  while (text.length < length) {
    for (const byte of random(length)) {
      // 248 = 4 × 62: higher bytes are dropped so that every character is equally likely.
      if (byte < 248 && text.length < length) text += ALPHABET[byte % 62]
    }
  }
  return text
}
