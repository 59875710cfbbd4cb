import type { Certificate } from './certificate.ts'
import { decodeTrue } from './certificate.ts'
import { DerError, decodeBitString, decodeInteger, readOnly, readWhole, TAG } from './der.ts'

/** The standard extensions that a path judgement needs (RFC 5280 §4.2.1). `undefined` = not there. */
export type Parsed<T> = { ok: true; value: T | undefined } | { ok: false; detail: string }

const BASIC_CONSTRAINTS = '2.5.29.19'
const KEY_USAGE = '2.5.29.15'
const EXTENDED_KEY_USAGE = '2.5.29.37'

/** Critical extensions of these kinds are understood; any other critical one refuses (RFC 5280 §4.2). */
export const UNDERSTOOD_EXTENSIONS: ReadonlySet<string> = new Set([BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE])

export type BasicConstraints = { isCa: boolean; pathLength: number | undefined }

/** RFC 5280 §4.2.1.9. A path length without CA:TRUE is malformed. */
export function parseBasicConstraints(certificate: Certificate): Parsed<BasicConstraints> {
  return parseExtension(certificate, BASIC_CONSTRAINTS, (value) =>
    readWhole(value, TAG.sequence, (inside) => {
      const isCa = inside.peek() === TAG.boolean && decodeTrue(inside.next().content)
      const pathLength = inside.isAtEnd ? undefined : decodeInteger(inside.next(TAG.integer).content)
      if (pathLength !== undefined && (!isCa || pathLength < 0n || pathLength > 255n)) throw new DerError('the path length is malformed')
      return { isCa, pathLength: pathLength === undefined ? undefined : Number(pathLength) }
    }),
  )
}

export type KeyUsage = { digitalSignature: boolean; keyCertSign: boolean }

/** RFC 5280 §4.2.1.3: at least one bit set, no trailing zero bits (X.690 §11.2.2). */
export function parseKeyUsage(certificate: Certificate): Parsed<KeyUsage> {
  return parseExtension(certificate, KEY_USAGE, (value) => {
    const { bytes, unusedBits } = decodeBitString(readOnly(value, TAG.bitString).content)
    const [first = 0] = bytes
    const last = bytes.at(-1)
    if (last === undefined || bytes.length > 2 || ((last >> unusedBits) & 1) === 0) throw new DerError('key usage is malformed')
    return { digitalSignature: (first & 0x80) !== 0, keyCertSign: (first & 0x04) !== 0 }
  })
}

function parseExtension<T>(certificate: Certificate, oid: string, read: (value: Uint8Array) => T): Parsed<T> {
  const extension = certificate.extensions.find((candidate) => candidate.oid === oid)
  if (extension === undefined) return { ok: true, value: undefined }
  try {
    return { ok: true, value: read(extension.value) }
  } catch (error) {
    if (error instanceof DerError) return { ok: false, detail: error.message }
    throw error
  }
}

/** Object identifiers that occur more than once. */
export function duplicatedExtensions(certificate: Certificate): string[] {
  const seen = new Set<string>()
  const duplicates = new Set<string>()
  for (const { oid } of certificate.extensions) (seen.has(oid) ? duplicates : seen).add(oid)
  return [...duplicates]
}
