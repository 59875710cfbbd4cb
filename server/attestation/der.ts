/**
 * A strict DER reader (X.690 §10): one-byte tags, definite lengths in their fewest bytes, nothing left over.
 * What it does not know it refuses; it never repairs.
 */
export class DerError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'DerError'
  }
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  printableString: 0x13,
  ia5String: 0x16,
  numericString: 0x12,
  teletexString: 0x14,
  bmpString: 0x1e,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const

export type DerValue = {
  tag: number
  content: Uint8Array
  /** Header and content, as received. */
  raw: Uint8Array
}

export interface DerReader {
  readonly isAtEnd: boolean
  /** The next tag; undefined at the end. */
  peek(): number | undefined
  /** The next value, which must carry this tag where one is given. */
  next(tag?: number): DerValue
  /** Throws unless everything has been read. */
  end(): void
}

/** Longer input has no place in an attestation. */
const MAX_BYTES = 64 * 1024

export function createDerReader(bytes: Uint8Array): DerReader {
  if (bytes.length > MAX_BYTES) throw new DerError('too long')
  let offset = 0
  return {
    get isAtEnd() {
      return offset === bytes.length
    },
    peek: () => bytes[offset],
    next(tag) {
      const value = readValue(bytes, offset)
      if (tag !== undefined && value.tag !== tag) throw new DerError(`tag ${value.tag} where ${tag} belongs`)
      offset += value.raw.length
      return value
    },
    end() {
      if (offset !== bytes.length) throw new DerError('bytes are left over')
    },
  }
}

function readValue(bytes: Uint8Array, start: number): DerValue {
  const tag = bytes[start]
  if (tag === undefined) throw new DerError('ends too early')
  if ((tag & 0x1f) === 0x1f) throw new DerError('tags of several bytes are not allowed')
  const { length, headerLength } = readLength(bytes, start + 1)
  const contentStart = start + 1 + headerLength
  if (contentStart + length > bytes.length) throw new DerError('ends too early')
  return { tag, content: bytes.subarray(contentStart, contentStart + length), raw: bytes.subarray(start, contentStart + length) }
}

function readLength(bytes: Uint8Array, start: number): { length: number; headerLength: number } {
  const first = bytes[start]
  if (first === undefined) throw new DerError('ends too early')
  if (first < 0x80) return { length: first, headerLength: 1 }
  const count = first & 0x7f
  if (count === 0) throw new DerError('indefinite lengths are not allowed')
  if (count > 3) throw new DerError('too long')
  let length = 0
  for (let i = 1; i <= count; i++) {
    const byte = bytes[start + i]
    if (byte === undefined) throw new DerError('ends too early')
    length = length * 256 + byte
  }
  if (length < 0x80 || length < 256 ** (count - 1)) throw new DerError('the length is not in its shortest form')
  return { length, headerLength: 1 + count }
}

/** Reads `bytes` as exactly one value of this tag. */
export function readOnly(bytes: Uint8Array, tag: number): DerValue {
  const outer = createDerReader(bytes)
  const value = outer.next(tag)
  outer.end()
  return value
}

/** Reads `bytes` as exactly one value of this tag and hands its content to `read`, which must use all of it. */
export function readWhole<T>(bytes: Uint8Array, tag: number, read: (inside: DerReader) => T): T {
  return readInside(readOnly(bytes, tag), read)
}

/** Hands a value's content to `read`, which must use all of it. */
export function readInside<T>(value: DerValue, read: (inside: DerReader) => T): T {
  const inside = createDerReader(value.content)
  const result = read(inside)
  inside.end()
  return result
}

/** X.690 §8.3: at least one byte, and no byte that a shorter form would spare. */
export function decodeInteger(content: Uint8Array): bigint {
  const [first, second] = content
  if (first === undefined) throw new DerError('an INTEGER has no bytes')
  if (second !== undefined && ((first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw new DerError('an INTEGER is not in its shortest form')
  }
  const unsigned = content.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
  return first < 0x80 ? unsigned : unsigned - (1n << BigInt(8 * content.length))
}

export function decodeBoolean(content: Uint8Array): boolean {
  if (content.length !== 1 || (content[0] !== 0x00 && content[0] !== 0xff)) throw new DerError('a BOOLEAN is neither 00 nor FF')
  return content[0] === 0xff
}

/** X.690 §11.2: the unused bits are zero. */
export function decodeBitString(content: Uint8Array): { bytes: Uint8Array; unusedBits: number } {
  const unusedBits = content[0]
  const last = content.at(-1) ?? 0
  if (unusedBits === undefined || unusedBits > 7 || (content.length === 1 && unusedBits !== 0))
    throw new DerError('a BIT STRING is malformed')
  if (content.length > 1 && (last & ((1 << unusedBits) - 1)) !== 0) throw new DerError('unused bits of a BIT STRING are set')
  return { bytes: content.subarray(1), unusedBits }
}

/** Dotted form; every arc in its fewest bytes. */
export function decodeObjectIdentifier(content: Uint8Array): string {
  const arcs: number[] = []
  let arc = 0
  let isInside = false
  for (const byte of content) {
    if (!isInside && byte === 0x80) throw new DerError('an OBJECT IDENTIFIER is not in its shortest form')
    arc = arc * 128 + (byte & 0x7f)
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw new DerError('an OBJECT IDENTIFIER is too large')
    isInside = byte >= 0x80
    if (isInside) continue
    arcs.push(arc)
    arc = 0
  }
  const [first, ...rest] = arcs
  if (first === undefined || isInside) throw new DerError('an OBJECT IDENTIFIER ends too early')
  const root = Math.min(Math.floor(first / 40), 2)
  return [root, first - root * 40, ...rest].join('.')
}

/** RFC 5280 §4.1.2.5: to the second, in UTC, UTCTime through 2049 and GeneralizedTime from 2050. */
export function decodeTime(value: DerValue): Date {
  const text = String.fromCharCode(...value.content.subarray(0, 16))
  if (value.tag === TAG.utcTime && value.content.length === 13) return toDate(`${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}`)
  if (value.tag !== TAG.generalizedTime || value.content.length !== 15) throw new DerError('a time is malformed')
  if (text < '2050') throw new DerError('GeneralizedTime is used before 2050')
  return toDate(text)
}

function toDate(text: string): Date {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text)?.slice(1)
  if (parts === undefined) throw new DerError('a time is malformed')
  const [year, month, day, hour, minute, second] = parts
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  // The round trip refuses 30 February and hour 24, which Date would shift.
  if (Number.isNaN(date.getTime()) || date.toISOString().replace(/[-:T]|\.000/g, '') !== text) throw new DerError('a time does not exist')
  return date
}
