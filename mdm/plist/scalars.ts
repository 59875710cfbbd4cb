import { PlistFault } from './fault.ts'

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const ENTITY = /&(?:#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6})|([A-Za-z]+));|&/g
const INTEGER = /^-?(?:0|[1-9][0-9]{0,19})$/
const REAL = /^[+-]?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?$/
const DATE = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/
const NAMED_REALS: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  '+infinity': Number.POSITIVE_INFINITY,
  '-infinity': Number.NEGATIVE_INFINITY,
}

const SMALLEST_INTEGER = -(2n ** 63n)
const LARGEST_INTEGER = 2n ** 64n - 1n

/** XML 1.0 §2.2 Char, with no lone surrogate. */
export function isXmlText(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that XML forbids
  return text.isWellFormed() && !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(text)
}

/** Element text: XML line ends (§2.11), then the five entities and numeric references. */
export function parseText(raw: string): string {
  if (!isXmlText(raw) || raw.includes(']]>')) throw new PlistFault('bad_character', 'a character that XML forbids')
  return raw.replace(/\r\n?/g, '\n').replace(ENTITY, resolveEntity)
}

function resolveEntity(whole: string, decimal?: string, hexadecimal?: string, name?: string): string {
  if (name !== undefined && Object.hasOwn(ENTITIES, name)) return ENTITIES[name] as string
  const code = decimal !== undefined ? Number.parseInt(decimal, 10) : Number.parseInt(hexadecimal ?? '', 16)
  if (Number.isNaN(code)) throw new PlistFault('entity_refused', whole.slice(0, 32))
  const isScalar = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)
  const character = isScalar ? String.fromCodePoint(code) : ''
  if (character === '' || !isXmlText(character)) throw new PlistFault('bad_character', whole)
  return character
}

export function parseInteger(raw: string): bigint {
  if (!INTEGER.test(raw)) throw new PlistFault('bad_integer', 'not a decimal integer')
  return checkInteger(BigInt(raw))
}

/** A plist integer is signed or unsigned, of 64 bits. */
export function checkInteger(value: bigint): bigint {
  if (value < SMALLEST_INTEGER || value > LARGEST_INTEGER) throw new PlistFault('bad_integer', 'beyond 64 bits')
  return value
}

export function parseReal(raw: string): number {
  if (Object.hasOwn(NAMED_REALS, raw)) return NAMED_REALS[raw] as number
  if (!REAL.test(raw)) throw new PlistFault('bad_real', 'not a decimal number')
  const value = Number(raw)
  if (!Number.isFinite(value)) throw new PlistFault('bad_real', 'beyond a double')
  return value
}

export function parseDate(raw: string): Date {
  const date = new Date(raw)
  // The comparison refuses what Date would roll over, such as 31 February.
  if (!DATE.test(raw) || Number.isNaN(date.getTime()) || date.toISOString() !== raw.replace('Z', '.000Z')) {
    throw new PlistFault('bad_date', 'not a date of the form 2026-01-31T12:00:00Z')
  }
  return date
}

/** Both encodings hold the same dates: the years 0 to 9999, which XML writes in four digits. */
export const isWritableDate = (date: Date): boolean => date.getUTCFullYear() >= 0 && date.getUTCFullYear() <= 9999

/** Base64 with Apple's line breaks and indentation, else canonical: whole groups, right padding, no stray bits. */
export function parseData(raw: string): Uint8Array {
  const text = raw.replace(/[ \t\r\n]+/g, '')
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw new PlistFault('bad_data', 'not canonical base64')
  return new Uint8Array(bytes)
}
