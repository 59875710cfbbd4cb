import { checkInteger, isWritableDate, isXmlText } from './scalars.ts'
import type { PlistValue } from './value.ts'

const PROLOG =
  '<?xml version="1.0" encoding="UTF-8"?>\n' +
  '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n'

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#13;' }

/** An XML property list that `parsePlist` and every Apple system read back as the same value. Dates keep whole seconds. */
export function writePlist(value: PlistValue): string {
  return `${PROLOG}<plist version="1.0">\n${write(value)}\n</plist>\n`
}

export function writePlistBytes(value: PlistValue): Uint8Array {
  return new TextEncoder().encode(writePlist(value))
}

function write(value: PlistValue): string {
  if (typeof value === 'string') return `<string>${escapeText(value)}</string>`
  if (typeof value === 'boolean') return value ? '<true/>' : '<false/>'
  if (typeof value === 'bigint') return `<integer>${checkInteger(value)}</integer>`
  if (typeof value === 'number') return `<real>${writeReal(value)}</real>`
  if (value instanceof Date) return `<date>${writeDate(value)}</date>`
  if (value instanceof Uint8Array) return `<data>${Buffer.from(value).toString('base64')}</data>`
  if (Array.isArray(value)) return `<array>${value.map(write).join('')}</array>`
  const members = [...value].map(([key, member]) => `<key>${escapeText(key)}</key>${write(member)}`)
  return `<dict>${members.join('')}</dict>`
}

function escapeText(text: string): string {
  if (!isXmlText(text)) throw new TypeError('a string that XML cannot hold')
  return text.replace(/[&<>\r]/g, (character) => ESCAPES[character] as string)
}

function writeReal(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? '+infinity' : '-infinity'
  return Object.is(value, -0) ? '-0' : String(value)
}

function writeDate(value: Date): string {
  if (!isWritableDate(value)) throw new TypeError('a date outside the years 0 to 9999')
  return `${value.toISOString().slice(0, 19)}Z`
}
