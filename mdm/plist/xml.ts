import { PlistFault } from './fault.ts'
import { parseData, parseDate, parseInteger, parseReal, parseText } from './scalars.ts'
import type { PlistDict, PlistValue } from './value.ts'

export const MAX_DEPTH = 32

/** What may stand before `<plist>`: Apple's declaration, with no room for an internal subset (`[`). */
const XML_DECLARATION = /<\?xml version="1\.0"(?: encoding="(?:UTF-8|utf-8)")?(?: standalone="(?:yes|no)")?\s*\?>/y
const DOCTYPE = /<!DOCTYPE plist(?: PUBLIC "[^"<>[\]&%]*" "[^"<>[\]&%]*"| SYSTEM "[^"<>[\]&%]*")?\s*>/y
const PLIST_OPEN = /<plist(?: version="1\.0")?\s*>/y
const TAG = /<(\/?)([A-Za-z]+)\s*(\/?)>/y
const SPACE = /[ \t\r\n]*/y

type Cursor = { readonly text: string; at: number }
type Tag = { name: string; kind: 'open' | 'close' | 'empty' }

/** Reads an XML property list (Apple's PropertyList-1.0.dtd). Throws PlistFault. */
export function readXmlPlist(bytes: Uint8Array): PlistValue {
  const cursor: Cursor = { text: decodeUtf8(bytes), at: 0 }
  readProlog(cursor)
  const value = readValue(cursor, readTag(cursor), 0)
  expectClose(cursor, 'plist')
  skipSpace(cursor)
  if (cursor.at !== cursor.text.length) throw new PlistFault('trailing_content', `content after </plist> at ${cursor.at}`)
  return value
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new PlistFault('not_utf8', 'the bytes are not UTF-8')
  }
}

function readProlog(cursor: Cursor): void {
  match(cursor, XML_DECLARATION)
  skipSpace(cursor)
  if (match(cursor, DOCTYPE) === undefined && cursor.text.startsWith('<!DOCTYPE', cursor.at)) {
    throw new PlistFault('doctype_refused', 'only a plain plist DOCTYPE is read')
  }
  skipSpace(cursor)
  if (match(cursor, PLIST_OPEN) !== undefined) return
  if (cursor.text.startsWith('<plist ', cursor.at)) throw new PlistFault('attribute_refused', 'plist carries only version="1.0"')
  throw new PlistFault('not_a_plist', `no <plist> at ${cursor.at}`)
}

function readValue(cursor: Cursor, tag: Tag, depth: number): PlistValue {
  if (tag.kind === 'close') throw new PlistFault('malformed', `</${tag.name}> where a value belongs`)
  if (depth > MAX_DEPTH) throw new PlistFault('too_deep', `more than ${MAX_DEPTH} levels`)
  switch (tag.name) {
    case 'dict':
      return tag.kind === 'empty' ? new Map() : readDict(cursor, depth)
    case 'array':
      return tag.kind === 'empty' ? [] : readArray(cursor, depth)
    case 'true':
    case 'false':
      if (tag.kind === 'open') expectClose(cursor, tag.name)
      return tag.name === 'true'
    case 'string':
      return parseText(readContent(cursor, tag))
    case 'data':
      return parseData(readContent(cursor, tag))
    case 'integer':
      return parseInteger(readContent(cursor, tag))
    case 'real':
      return parseReal(readContent(cursor, tag))
    case 'date':
      return parseDate(readContent(cursor, tag))
    default:
      throw new PlistFault('unknown_element', `<${tag.name}>`)
  }
}

function readDict(cursor: Cursor, depth: number): PlistDict {
  const dict: PlistDict = new Map()
  for (;;) {
    const tag = readTag(cursor)
    if (tag.kind === 'close' && tag.name === 'dict') return dict
    if (tag.kind === 'close' || tag.name !== 'key') throw new PlistFault('malformed', `<${tag.name}> where a key belongs`)
    const key = parseText(readContent(cursor, tag))
    if (dict.has(key)) throw new PlistFault('duplicate_key', `"${key.slice(0, 64)}" twice in one dict`)
    dict.set(key, readValue(cursor, readTag(cursor), depth + 1))
  }
}

function readArray(cursor: Cursor, depth: number): PlistValue[] {
  const array: PlistValue[] = []
  for (;;) {
    const tag = readTag(cursor)
    if (tag.kind === 'close' && tag.name === 'array') return array
    array.push(readValue(cursor, tag, depth + 1))
  }
}

/** The characters up to the element's own end tag: an element inside, a comment or CDATA is refused by the tag that follows. */
function readContent(cursor: Cursor, tag: Tag): string {
  if (tag.kind === 'empty') return ''
  const end = cursor.text.indexOf('<', cursor.at)
  if (end < 0) throw new PlistFault('malformed', `<${tag.name}> is not closed`)
  const content = cursor.text.slice(cursor.at, end)
  cursor.at = end
  expectClose(cursor, tag.name)
  return content
}

function expectClose(cursor: Cursor, name: string): void {
  const tag = readTag(cursor)
  if (tag.kind !== 'close' || tag.name !== name) throw new PlistFault('malformed', `<${tag.name}> where </${name}> belongs`)
}

function readTag(cursor: Cursor): Tag {
  skipSpace(cursor)
  const found = match(cursor, TAG)
  if (found === undefined) throw unreadableTag(cursor)
  const [, slash, name = '', empty] = found
  if (slash !== '' && empty !== '') throw new PlistFault('malformed', `</${name}/>`)
  return { name, kind: slash !== '' ? 'close' : empty !== '' ? 'empty' : 'open' }
}

function unreadableTag(cursor: Cursor): PlistFault {
  const next = cursor.text.slice(cursor.at, cursor.at + 2)
  if (next === '') return new PlistFault('malformed', 'the document ends too early')
  if (next === '<!' || next === '<?') return new PlistFault('markup_refused', `comment, CDATA or instruction at ${cursor.at}`)
  if (/^<[A-Za-z]/.test(next)) return new PlistFault('attribute_refused', `attributes or an odd name at ${cursor.at}`)
  return new PlistFault('malformed', `no tag at ${cursor.at}`)
}

function skipSpace(cursor: Cursor): void {
  match(cursor, SPACE)
}

function match(cursor: Cursor, sticky: RegExp): RegExpExecArray | undefined {
  sticky.lastIndex = cursor.at
  const found = sticky.exec(cursor.text)
  if (found === null) return undefined
  cursor.at = sticky.lastIndex
  return found
}
