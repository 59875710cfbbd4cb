import { PlistFault } from './fault.ts'
import { checkInteger, isWritableDate, isXmlText } from './scalars.ts'
import type { PlistDict, PlistValue } from './value.ts'
import { MAX_DEPTH } from './xml.ts'

const HEADER_BYTES = 8
const TRAILER_BYTES = 32
const MAX_OBJECTS = 65_536
/** Objects may be shared, so a small file can unfold into a huge value: every visit pays one and its content's length. */
const MAX_UNFOLDED = 4 * 1024 * 1024
/** Seconds from 1970 to 2001, where Apple's dates begin. */
const APPLE_EPOCH_SECONDS = 978_307_200

type Reader = {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly offsets: readonly number[]
  readonly refSize: number
  /** First byte behind the objects. */
  readonly end: number
  /** The containers being read, for cycles. */
  readonly open: Set<number>
  unfolded: number
}

/** Reads a binary property list ("bplist00", as CFBinaryPList.c describes it). Throws PlistFault. */
export function readBinaryPlist(bytes: Uint8Array): PlistValue {
  const { reader, top } = readTrailer(bytes)
  return readObject(reader, top, 0)
}

function readTrailer(bytes: Uint8Array): { reader: Reader; top: number } {
  if (bytes.length < HEADER_BYTES + 1 + TRAILER_BYTES) throw new PlistFault('malformed', 'too short for a binary plist')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const trailer = bytes.length - TRAILER_BYTES
  const offsetSize = view.getUint8(trailer + 6)
  const refSize = view.getUint8(trailer + 7)
  const count = smallInteger(view.getBigUint64(trailer + 8), MAX_OBJECTS)
  const top = smallInteger(view.getBigUint64(trailer + 16), count - 1)
  const table = smallInteger(view.getBigUint64(trailer + 24), trailer)
  if (offsetSize < 1 || offsetSize > 8 || refSize < 1 || refSize > 8) throw new PlistFault('malformed', 'impossible integer sizes')
  if (count < 1 || table <= HEADER_BYTES || table + count * offsetSize !== trailer) {
    throw new PlistFault('bad_offset', 'the offset table does not fill the space before the trailer')
  }
  const offsets = Array.from({ length: count }, (_, i) => unsigned(view, table + i * offsetSize, offsetSize))
  if (offsets.some((offset) => offset < HEADER_BYTES || offset >= table)) throw new PlistFault('bad_offset', 'an object outside the file')
  return { reader: { bytes, view, offsets, refSize, end: table, open: new Set(), unfolded: 0 }, top }
}

function readObject(reader: Reader, ref: number, depth: number): PlistValue {
  if (depth > MAX_DEPTH) throw new PlistFault('too_deep', `more than ${MAX_DEPTH} levels`)
  const offset = reader.offsets[ref]
  if (offset === undefined) throw new PlistFault('bad_offset', `no object ${ref}`)
  pay(reader, 1)
  const marker = reader.view.getUint8(offset)
  const low = marker & 0x0f
  switch (marker >> 4) {
    case 0x0:
      if (marker === 0x08 || marker === 0x09) return marker === 0x09
      throw new PlistFault('unknown_element', `object type 0x${marker.toString(16)}`)
    case 0x1:
      return readInteger(reader, offset)
    case 0x2:
      return readReal(reader, offset + 1, low)
    case 0x3:
      return readDate(reader, offset + 1, low)
    case 0x4:
      return content(reader, offset, 1).slice()
    case 0x5:
      return readAscii(content(reader, offset, 1))
    case 0x6:
      return readUtf16(content(reader, offset, 2))
    case 0xa:
      return inside(reader, ref, () => readRefs(reader, offset, 1).map((item) => readObject(reader, item, depth + 1)))
    case 0xd:
      return inside(reader, ref, () => readDict(reader, readRefs(reader, offset, 2), depth))
    default:
      throw new PlistFault('unknown_element', `object type 0x${marker.toString(16)}`)
  }
}

function inside<T>(reader: Reader, ref: number, read: () => T): T {
  if (reader.open.has(ref)) throw new PlistFault('cycle', `object ${ref} contains itself`)
  reader.open.add(ref)
  const value = read()
  reader.open.delete(ref)
  return value
}

/** The references of an array, or a dict's keys followed by its values. */
function readRefs(reader: Reader, offset: number, perEntry: 1 | 2): number[] {
  const bytes = content(reader, offset, reader.refSize * perEntry)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.length / reader.refSize }, (_, i) => unsigned(view, i * reader.refSize, reader.refSize))
}

function readDict(reader: Reader, refs: number[], depth: number): PlistDict {
  const dict: PlistDict = new Map()
  const count = refs.length / 2
  for (let i = 0; i < count; i++) {
    const key = readObject(reader, refs[i] as number, depth + 1)
    if (typeof key !== 'string') throw new PlistFault('malformed', 'a key that is not a string')
    if (dict.has(key)) throw new PlistFault('duplicate_key', `"${key.slice(0, 64)}" twice in one dict`)
    dict.set(key, readObject(reader, refs[count + i] as number, depth + 1))
  }
  return dict
}

/** The bytes behind a marker whose low half counts units; 15 means that an integer object follows with the count. */
function content(reader: Reader, offset: number, unitBytes: number): Uint8Array {
  const low = reader.view.getUint8(offset) & 0x0f
  const start = low === 0x0f ? offset + 2 + integerBytes(reader, offset + 1) : offset + 1
  const count = low === 0x0f ? smallInteger(readInteger(reader, offset + 1), reader.end) : low
  const length = count * unitBytes
  if (start + length > reader.end) throw new PlistFault('bad_offset', 'an object longer than the file')
  pay(reader, length)
  return reader.bytes.subarray(start, start + length)
}

function integerBytes(reader: Reader, offset: number): number {
  if (offset >= reader.end) throw new PlistFault('bad_offset', 'an integer outside the file')
  const marker = reader.view.getUint8(offset)
  const size = 2 ** (marker & 0x0f)
  if (marker >> 4 !== 1 || size > 16) throw new PlistFault('malformed', 'no integer where one belongs')
  if (offset + 1 + size > reader.end) throw new PlistFault('bad_offset', 'an integer outside the file')
  return size
}

/** 1, 2 and 4 bytes are unsigned, 8 signed; 16 holds what is above 2^63 - 1. */
function readInteger(reader: Reader, offset: number): bigint {
  const size = integerBytes(reader, offset)
  const { view } = reader
  if (size === 16) return checkInteger((view.getBigInt64(offset + 1) << 64n) | view.getBigUint64(offset + 9))
  return size === 8 ? view.getBigInt64(offset + 1) : BigInt(unsigned(view, offset + 1, size))
}

function readReal(reader: Reader, at: number, sizeLog: number): number {
  if (sizeLog !== 2 && sizeLog !== 3) throw new PlistFault('bad_real', 'a real is of 4 or 8 bytes')
  if (at + 2 ** sizeLog > reader.end) throw new PlistFault('bad_offset', 'a real outside the file')
  return sizeLog === 2 ? reader.view.getFloat32(at) : reader.view.getFloat64(at)
}

function readDate(reader: Reader, at: number, sizeLog: number): Date {
  if (sizeLog !== 3) throw new PlistFault('bad_date', 'a date is of 8 bytes')
  // Rounded, because most fractions of a second have no double of their own: cut off, a date would move each time it is written and read.
  const date = new Date(Math.round((readReal(reader, at, 3) + APPLE_EPOCH_SECONDS) * 1000))
  if (Number.isNaN(date.getTime()) || !isWritableDate(date)) throw new PlistFault('bad_date', 'beyond the calendar')
  return date
}

function readAscii(bytes: Uint8Array): string {
  if (bytes.some((byte) => byte > 0x7f)) throw new PlistFault('bad_character', 'an ASCII string with other bytes')
  return plainText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'))
}

function readUtf16(bytes: Uint8Array): string {
  return plainText(Buffer.from(bytes).swap16().toString('utf16le'))
}

/** Both encodings hold the same strings: no NUL, no half of a surrogate pair. */
function plainText(text: string): string {
  if (!isXmlText(text)) throw new PlistFault('bad_character', 'a character that XML forbids')
  return text
}

/** Big-endian, up to 8 bytes; what JavaScript cannot hold exactly is out of any range here. */
function unsigned(view: DataView, at: number, size: number): number {
  let value = 0
  for (let i = 0; i < size; i++) value = value * 256 + view.getUint8(at + i)
  return value
}

function smallInteger(value: bigint, largest: number): number {
  if (value < 0n || value > BigInt(largest)) throw new PlistFault('bad_offset', 'a count or position out of range')
  return Number(value)
}

function pay(reader: Reader, amount: number): void {
  reader.unfolded += amount
  if (reader.unfolded > MAX_UNFOLDED) throw new PlistFault('too_large', 'it unfolds into too much')
}
