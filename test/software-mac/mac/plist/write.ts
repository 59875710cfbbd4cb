import { Buffer } from 'node:buffer'

/** What a property list can hold. Integers are numbers or bigints; `Real` marks a number that must be written as <real>. */
export type Plist = string | number | bigint | boolean | Date | Uint8Array | Plist[] | { [key: string]: Plist }
export type PlistDict = { [key: string]: Plist }

const HEADER = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
`

/** XML property list as `plutil` writes it: tabs, keys in the order given. */
export const writePlist = (value: Plist): string => `${HEADER}<plist version="1.0">\n${element(value, 0)}\n</plist>\n`

function element(value: Plist, depth: number): string {
  const indent = '\t'.repeat(depth)
  if (typeof value === 'string') return `${indent}<string>${escaped(value)}</string>`
  if (typeof value === 'boolean') return `${indent}<${value}/>`
  if (typeof value === 'bigint' || Number.isInteger(value)) return `${indent}<integer>${String(value)}</integer>`
  if (typeof value === 'number') return `${indent}<real>${value}</real>`
  if (value instanceof Date) return `${indent}<date>${value.toISOString().replace(/\.\d+Z$/, 'Z')}</date>`
  if (value instanceof Uint8Array) return `${indent}<data>${Buffer.from(value).toString('base64')}</data>`
  const inner = Array.isArray(value) ? value.map((item) => element(item, depth + 1)) : entries(value, depth + 1)
  const tag = Array.isArray(value) ? 'array' : 'dict'
  return inner.length === 0 ? `${indent}<${tag}/>` : `${indent}<${tag}>\n${inner.join('\n')}\n${indent}</${tag}>`
}

const entries = (dict: PlistDict, depth: number) =>
  Object.entries(dict).map(([key, item]) => `${'\t'.repeat(depth)}<key>${escaped(key)}</key>\n${element(item, depth)}`)

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
