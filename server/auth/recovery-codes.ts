import { createHash, randomBytes } from 'node:crypto'

/** Handed out together; each stands in once for a lost phone. */
const CODES = 10
const GROUPS = 4
const GROUP_CHARACTERS = 4
/** Crockford's base32: no letter that is mistaken for a digit. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const SHAPE = new RegExp(`^[${ALPHABET}]{${GROUPS * GROUP_CHARACTERS}}$`)

/** Codes of 80 random bits, as `xxxx-xxxx-xxxx-xxxx`. */
export const newRecoveryCodes = (random: (bytes: number) => Uint8Array = randomBytes): string[] =>
  Array.from({ length: CODES }, () => {
    const characters = Array.from(random(GROUPS * GROUP_CHARACTERS), (byte) => ALPHABET[byte & 31]).join('')
    return (characters.match(new RegExp(`.{${GROUP_CHARACTERS}}`, 'g')) ?? []).join('-')
  })

/** The hash of a code as a person types it; undefined for what has not the shape of one. There are 80 bits: a plain hash is enough. */
export function hashRecoveryCode(typed: string): Uint8Array | undefined {
  const code = typed.toLowerCase().replace(/[\s-]/g, '')
  return SHAPE.test(code) ? new Uint8Array(createHash('sha256').update(code).digest()) : undefined
}
