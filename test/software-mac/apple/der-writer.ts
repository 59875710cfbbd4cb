import { Buffer } from 'node:buffer'

/** A DER writer of a few lines, so that certificates can be built byte for byte, well formed or not. */

export const tlv = (tag: number, ...parts: Uint8Array[]): Uint8Array => {
  const content = Buffer.concat(parts)
  return new Uint8Array(Buffer.concat([Buffer.of(tag), derLength(content.length), content]))
}

function derLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length)
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff)
  return Uint8Array.of(0x80 | bytes.length, ...bytes)
}

export const sequence = (...parts: Uint8Array[]) => tlv(0x30, ...parts)
export const set = (...parts: Uint8Array[]) => tlv(0x31, ...parts)
export const octetString = (bytes: Uint8Array) => tlv(0x04, bytes)
export const boolean = (value: boolean) => tlv(0x01, Uint8Array.of(value ? 0xff : 0))
export const utf8String = (text: string) => tlv(0x0c, Buffer.from(text, 'utf8'))
export const printableString = (text: string) => tlv(0x13, Buffer.from(text, 'latin1'))
export const bitString = (bytes: Uint8Array, unusedBits = 0) => tlv(0x03, Uint8Array.of(unusedBits), bytes)
export const explicit = (number: number, content: Uint8Array) => tlv(0xa0 | number, content)

/** INTEGER of a non-negative number, in the fewest bytes. */
export function integer(value: number | bigint): Uint8Array {
  let digits = value.toString(16)
  if (digits.length % 2 === 1) digits = `0${digits}`
  const bytes = Buffer.from(digits, 'hex')
  return tlv(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes)
}

export function objectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return tlv(0x06, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)))
}

function base128(arc: number): number[] {
  const septets = [arc % 128]
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) septets.unshift((rest % 128) | 0x80)
  return septets
}

/** RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050. */
export function time(date: Date): Uint8Array {
  const digits = date.toISOString().replace(/[-:T]/g, '').slice(0, 14)
  return date.getUTCFullYear() < 2050 ? tlv(0x17, Buffer.from(`${digits.slice(2)}Z`)) : tlv(0x18, Buffer.from(`${digits}Z`))
}
