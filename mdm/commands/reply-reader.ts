import type { PlistDict, PlistValue } from '../plist/value.ts'

export type FaultCode = 'MISSING' | 'WRONG_TYPE' | 'TOO_LONG' | 'TOO_MANY'
/** What is wrong with a reply, and where: `WRONG_TYPE CertificateList[3].Data`. */
export type ReplyFault = `${FaultCode} ${string}`

/** A reply can be wrong in a thousand places; the first ones tell enough. */
const MAX_FAULTS = 16
const MAX_TEXT = 1024

/**
 * Reads a reply's members: absent is `undefined`, another type than Apple's schema names is a fault and `undefined` as well, unknown
 * members are passed over. Nothing throws, everything is bounded; the caller decides which members it cannot do without.
 */
export type ReplyReader = {
  readonly faults: ReplyFault[]
  text(key: string, max?: number): string | undefined
  flag(key: string): boolean | undefined
  integer(key: string): number | undefined
  data(key: string, max: number): Uint8Array | undefined
  dict(key: string): ReplyReader | undefined
  /** The dicts of an array, as far as `read` makes something of them; more than `max` are cut off, with a fault. */
  list<Item>(key: string, max: number, read: (item: ReplyReader) => Item | undefined): Item[] | undefined
  /** The strings of an array. */
  words(key: string, max: number): string[] | undefined
  /** Notes that `key`, which this reply cannot do without, is missing; where it was wrong, that is noted already. */
  missing(key: string): undefined
}

export function readReply(dict: PlistDict, at = '', faults: ReplyFault[] = []): ReplyReader {
  const fault = (code: FaultCode, key: string): undefined => {
    if (faults.length < MAX_FAULTS) faults.push(`${code} ${at}${key.slice(0, 64)}`)
    return undefined
  }
  const member = <Kind extends PlistValue>(key: string, is: (value: PlistValue) => value is Kind): Kind | undefined => {
    const value = dict.get(key)
    return value === undefined || is(value) ? value : fault('WRONG_TYPE', key)
  }
  const array = (key: string, max: number): PlistValue[] | undefined => {
    const items = member(key, Array.isArray)
    if (items !== undefined && items.length > max) fault('TOO_MANY', key)
    return items?.slice(0, max)
  }
  const inside = (item: PlistDict, key: string): ReplyReader => readReply(item, `${at}${key}.`, faults)
  return {
    faults,
    text: (key, max = MAX_TEXT) => {
      const text = member(key, isText)
      return text !== undefined && text.length > max ? fault('TOO_LONG', key) : text
    },
    flag: (key) => member(key, isFlag),
    integer: (key) => {
      const value = member(key, isInteger)
      return value === undefined ? undefined : Number(value)
    },
    data: (key, max) => {
      const bytes = member(key, isData)
      return bytes !== undefined && bytes.length > max ? fault('TOO_LONG', key) : bytes
    },
    dict: (key) => {
      const inner = member(key, isDict)
      return inner === undefined ? undefined : inside(inner, key)
    },
    list: (key, max, read) =>
      array(key, max)?.flatMap((item, index) => {
        if (!isDict(item)) return fault('WRONG_TYPE', `${key}[${index}]`) ?? []
        return read(inside(item, `${key}[${index}]`)) ?? []
      }),
    words: (key, max) =>
      array(key, max)?.flatMap((item, index) => {
        if (!isText(item)) return fault('WRONG_TYPE', `${key}[${index}]`) ?? []
        return item.length > MAX_TEXT ? (fault('TOO_LONG', `${key}[${index}]`) ?? []) : [item]
      }),
    missing: (key) => (dict.has(key) ? undefined : fault('MISSING', key)),
  }
}

const isText = (value: PlistValue): value is string => typeof value === 'string'
const isFlag = (value: PlistValue): value is boolean => typeof value === 'boolean'
const isData = (value: PlistValue): value is Uint8Array => value instanceof Uint8Array
const isDict = (value: PlistValue): value is PlistDict => value instanceof Map
const isInteger = (value: PlistValue): value is bigint =>
  typeof value === 'bigint' && value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
