import { Buffer } from 'node:buffer'
import type { Plist, PlistDict } from './write.ts'

/**
 * Reads the XML property lists that a server sends: a recursive descent over one token at a time. Written apart from the
 * server's reader on purpose, so that the two test each other. Throws PlistError for anything it does not know.
 */
export class PlistError extends Error {}

type Token = { kind: 'open' | 'close' | 'empty'; name: string; at: number; end: number }
type Cursor = { text: string; at: number }

const MAX_DEPTH = 32
const TAG = /<(\/?)([a-z]+)(?:\s[^<>]*?)?(\/?)>/gy

export function readPlist(bytes: Uint8Array): Plist {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  const cursor: Cursor = { text, at: prologueEnd(text) }
  expectTag(cursor, 'open', 'plist')
  const value = readValue(cursor, nextTag(cursor), 0)
  expectTag(cursor, 'close', 'plist')
  if (text.slice(cursor.at).trim() !== '') throw new PlistError('something follows the plist')
  return value
}

export function readDict(bytes: Uint8Array): PlistDict {
  const value = readPlist(bytes)
  if (!isDict(value)) throw new PlistError('not a dictionary')
  return value
}

export const isDict = (value: Plist | undefined): value is PlistDict =>
  typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array) && !(value instanceof Date)

function prologueEnd(text: string): number {
  const prologue = /^\uFEFF?(?:\s*<\?xml[^>]*\?>)?(?:\s*<!DOCTYPE plist[^[\]>]*>)?\s*/.exec(text)
  return prologue === null ? 0 : prologue[0].length
}

function readValue(cursor: Cursor, tag: Token, depth: number): Plist {
  if (depth > MAX_DEPTH) throw new PlistError('nested too deeply')
  if (tag.kind === 'close') throw new PlistError(`unexpected </${tag.name}>`)
  const isEmpty = tag.kind === 'empty'
  if (tag.name === 'dict') return isEmpty ? {} : readEntries(cursor, depth)
  if (tag.name === 'array') return isEmpty ? [] : readItems(cursor, depth)
  if (tag.name === 'true' || tag.name === 'false') {
    if (!isEmpty) expectTag(cursor, 'close', tag.name)
    return tag.name === 'true'
  }
  return scalar(tag.name, isEmpty ? '' : readText(cursor, tag.name))
}

function readItems(cursor: Cursor, depth: number): Plist[] {
  const items: Plist[] = []
  for (let tag = nextTag(cursor); !isClose(tag, 'array'); tag = nextTag(cursor)) items.push(readValue(cursor, tag, depth + 1))
  return items
}

function readEntries(cursor: Cursor, depth: number): PlistDict {
  const dict = Object.create(null) as PlistDict
  for (let tag = nextTag(cursor); !isClose(tag, 'dict'); tag = nextTag(cursor)) {
    if (tag.name !== 'key' || tag.kind === 'close') throw new PlistError('a dictionary wants a key')
    const key = tag.kind === 'empty' ? '' : readText(cursor, 'key')
    if (key in dict) throw new PlistError(`key ${key} twice`)
    dict[key] = readValue(cursor, nextTag(cursor), depth + 1)
  }
  return dict
}

function scalar(name: string, text: string): Plist {
  switch (name) {
    case 'string':
      return text
    case 'integer':
      if (!/^[+-]?\d+$/.test(text)) throw new PlistError(`not an integer: ${text}`)
      return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text)
    case 'real':
      if (!Number.isFinite(Number(text)) || text.trim() === '') throw new PlistError(`not a real: ${text}`)
      return Number(text)
    case 'date': {
      const date = new Date(text)
      if (Number.isNaN(date.getTime())) throw new PlistError(`not a date: ${text}`)
      return date
    }
    case 'data': {
      const packed = text.replace(/\s/g, '')
      if (!/^[A-Za-z0-9+/]*={0,2}$/.test(packed) || packed.length % 4 !== 0) throw new PlistError('not base64')
      return new Uint8Array(Buffer.from(packed, 'base64'))
    }
    default:
      throw new PlistError(`unknown element <${name}>`)
  }
}

function nextTag(cursor: Cursor): Token {
  for (;;) {
    const space = /\s*/y
    space.lastIndex = cursor.at
    space.exec(cursor.text)
    cursor.at = space.lastIndex
    if (!cursor.text.startsWith('<!--', cursor.at)) break
    const end = cursor.text.indexOf('-->', cursor.at)
    if (end < 0) throw new PlistError('a comment without end')
    cursor.at = end + 3
  }
  TAG.lastIndex = cursor.at
  const match = TAG.exec(cursor.text)
  if (match === null) throw new PlistError(`no element at ${cursor.at}`)
  const token: Token = {
    kind: match[1] === '/' ? 'close' : match[3] === '/' ? 'empty' : 'open',
    name: match[2] as string,
    at: cursor.at,
    end: TAG.lastIndex,
  }
  cursor.at = token.end
  return token
}

function readText(cursor: Cursor, name: string): string {
  const end = cursor.text.indexOf('<', cursor.at)
  if (end < 0) throw new PlistError(`<${name}> without end`)
  const text = cursor.text.slice(cursor.at, end)
  cursor.at = end
  expectTag(cursor, 'close', name)
  return unescaped(text)
}

const ENTITY: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescaped(text: string): string {
  return text.replace(/&([^;]*);?/g, (_, name: string) => {
    const named = ENTITY[name]
    if (named !== undefined) return named
    const numeric = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(name)
    if (numeric === null) throw new PlistError(`unknown entity &${name};`)
    return String.fromCodePoint(numeric[1] === undefined ? Number(numeric[2]) : Number.parseInt(numeric[1], 16))
  })
}

const isClose = (tag: Token, name: string) => tag.kind === 'close' && tag.name === name

function expectTag(cursor: Cursor, kind: Token['kind'], name: string): void {
  const tag = nextTag(cursor)
  if (tag.kind !== kind || tag.name !== name) throw new PlistError(`expected <${kind === 'close' ? '/' : ''}${name}>, found <${tag.name}>`)
}
