import type { PlistValue } from '../plist/value.ts'

const APPLE_EPOCH_SECONDS = 978_307_200

/** A plain binary plist writer, for feeding the reader: four-byte offsets, two-byte references, nothing shared. */
export function writeBinaryPlist(value: PlistValue): Uint8Array {
  const objects: Buffer[] = []
  const top = add(objects, value)
  const offsets: number[] = []
  let position = 8
  for (const object of objects) {
    offsets.push(position)
    position += object.length
  }
  const table = Buffer.concat(offsets.map((offset) => u32(offset)))
  const trailer = Buffer.alloc(32)
  trailer[6] = 4
  trailer[7] = 2
  trailer.writeBigUInt64BE(BigInt(objects.length), 8)
  trailer.writeBigUInt64BE(BigInt(top), 16)
  trailer.writeBigUInt64BE(BigInt(position), 24)
  return new Uint8Array(Buffer.concat([Buffer.from('bplist00'), ...objects, table, trailer]))
}

function add(objects: Buffer[], value: PlistValue): number {
  const index = objects.push(Buffer.alloc(0)) - 1
  objects[index] = encode(objects, value)
  return index
}

function encode(objects: Buffer[], value: PlistValue): Buffer {
  if (typeof value === 'boolean') return Buffer.of(value ? 0x09 : 0x08)
  if (typeof value === 'bigint') return integer(value)
  if (typeof value === 'number') return double(0x23, value)
  if (value instanceof Date) return double(0x33, value.getTime() / 1000 - APPLE_EPOCH_SECONDS)
  if (value instanceof Uint8Array) return Buffer.concat([marker(0x40, value.length), value])
  if (typeof value === 'string') return string(value)
  if (Array.isArray(value)) return Buffer.concat([marker(0xa0, value.length), ...value.map((item) => u16(add(objects, item)))])
  const keys = [...value.keys()].map((key) => u16(add(objects, key)))
  const values = [...value.values()].map((item) => u16(add(objects, item)))
  return Buffer.concat([marker(0xd0, value.size), ...keys, ...values])
}

function string(value: string): Buffer {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly the ASCII range
  if (/^[\u0000-\u007f]*$/.test(value)) return Buffer.concat([marker(0x50, value.length), Buffer.from(value, 'latin1')])
  return Buffer.concat([marker(0x60, value.length), Buffer.from(value, 'utf16le').swap16()])
}

function integer(value: bigint): Buffer {
  if (value >= 0n && value < 256n) return Buffer.of(0x10, Number(value))
  const wide = value > 2n ** 63n - 1n
  const buffer = Buffer.alloc(wide ? 17 : 9)
  buffer[0] = wide ? 0x14 : 0x13
  if (wide) buffer.writeBigUInt64BE(value, 9)
  else buffer.writeBigInt64BE(value, 1)
  return buffer
}

function double(type: number, value: number): Buffer {
  const buffer = Buffer.alloc(9)
  buffer[0] = type
  buffer.writeDoubleBE(value, 1)
  return buffer
}

const marker = (type: number, count: number): Buffer =>
  count < 15 ? Buffer.of(type | count) : Buffer.concat([Buffer.of(type | 15, 0x12), u32(count)])

function u16(value: number): Buffer {
  const buffer = Buffer.alloc(2)
  buffer.writeUInt16BE(value)
  return buffer
}

function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32BE(value)
  return buffer
}
