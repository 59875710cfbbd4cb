/**
 * The values of a property list. Integers are bigint, because a plist holds 64-bit ones, and `number` means a real. A dict is a
 * Map, so that no key (`__proto__`) can mean anything.
 */
export type PlistValue = string | boolean | bigint | number | Date | Uint8Array | PlistValue[] | PlistDict

export type PlistDict = Map<string, PlistValue>

/** A dict of the members given; absent ones are left out. */
export function plistDict(members: Readonly<Record<string, PlistValue | undefined>>): PlistDict {
  const dict: PlistDict = new Map()
  for (const [key, value] of Object.entries(members)) if (value !== undefined) dict.set(key, value)
  return dict
}

export const stringAt = (dict: PlistDict, key: string): string | undefined => {
  const value = dict.get(key)
  return typeof value === 'string' ? value : undefined
}

export const booleanAt = (dict: PlistDict, key: string): boolean | undefined => {
  const value = dict.get(key)
  return typeof value === 'boolean' ? value : undefined
}

export const dataAt = (dict: PlistDict, key: string): Uint8Array | undefined => {
  const value = dict.get(key)
  return value instanceof Uint8Array ? value : undefined
}

export const dictAt = (dict: PlistDict, key: string): PlistDict | undefined => {
  const value = dict.get(key)
  return value instanceof Map ? value : undefined
}

export const arrayAt = (dict: PlistDict, key: string): PlistValue[] | undefined => {
  const value = dict.get(key)
  return Array.isArray(value) ? value : undefined
}

/** An integer that JavaScript holds exactly. */
export const integerAt = (dict: PlistDict, key: string): number | undefined => {
  const value = dict.get(key)
  if (typeof value !== 'bigint') return undefined
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined
}
