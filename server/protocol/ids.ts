import { z } from 'zod'

/**
 * Branded identifiers. An id is an opaque word with a prefix that says what it names; none carries meaning beyond that.
 * A MacId is the pseudonym that callers see: it tells nothing of the serial number.
 */
const id = <Prefix extends string>(prefix: Prefix) =>
  z.string().regex(new RegExp(`^${prefix}_[0-9a-z]{16,32}$`), `an id of the form ${prefix}_…`)

export const MacId = id('mac').brand<'MacId'>()
export type MacId = z.infer<typeof MacId>

export const RequestId = id('req').brand<'RequestId'>()
export type RequestId = z.infer<typeof RequestId>

export const SessionId = id('ses').brand<'SessionId'>()
export type SessionId = z.infer<typeof SessionId>

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** A new id of 20 characters (100 random bits) after its prefix. */
export function newId<Brand extends string = string>(prefix: string, random: (bytes: number) => Uint8Array = randomBytes): Brand {
  let text = ''
  for (const byte of random(20)) text += ALPHABET[byte & 31]
  return `${prefix}_${text}` as Brand
}

export function randomBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length))
}
