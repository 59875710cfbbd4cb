import { encode } from 'cborg'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { acmeChain } from '../../test/support/trust-evidence.ts'
import { parseAttestationObject } from './attestation-object.ts'

const chain = acmeChain()
const object = (change: object = {}) => encode({ fmt: 'apple', attStmt: { x5c: chain }, ...change })
const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))

test('reads Apple’s form, with and without authData', () => {
  for (const bytes of [object(), object({ authData: new Uint8Array(37) })]) {
    const parsed = parseAttestationObject(bytes)
    expect(parsed.ok && parsed.chain.map((der) => Buffer.from(der))).toEqual(chain.map((der) => Buffer.from(der)))
  }
})

test('keeps a copy', () => {
  const bytes = object()
  const parsed = parseAttestationObject(bytes)
  bytes.fill(0)
  expect(parsed.ok && Buffer.from(parsed.chain[0] ?? [])).toEqual(Buffer.from(chain[0] ?? []))
})

test.each([
  ['nothing', new Uint8Array()],
  ['an empty map', encode({})],
  ['no map', encode([1])],
  ['an unknown member', object({ extra: 1 })],
  ['an unknown member in attStmt', object({ attStmt: { x5c: chain, alg: -7 } })],
  ['no attStmt', encode({ fmt: 'apple' })],
  ['attStmt that is a list', object({ attStmt: [] })],
  ['no x5c', object({ attStmt: {} })],
  ['an empty x5c', object({ attStmt: { x5c: [] } })],
  ['x5c as one byte string', object({ attStmt: { x5c: chain[0] } })],
  ['x5c with a text', object({ attStmt: { x5c: [chain[0], 'a'] } })],
  ['authData that is a text', object({ authData: 'a' })],
  ['fmt that is a number', object({ fmt: 1 })],
  ['a byte after it', Uint8Array.from([...object(), 0])],
  ['a byte too few', object().subarray(0, -1)],
  ['a map of indefinite length', hex('bf63666d74656170706c65ff')],
  ['a duplicate key', hex('a263666d74656170706c6563666d74656170706c65')],
  ['a length not in its shortest form', hex('b80163666d74656170706c65')],
  ['a tag', hex('c1a0')],
  ['deep nesting', new Uint8Array(40_000).fill(0x81)],
  ['a length beyond the input', hex('a163666d747a7fffffff')],
  ['more than it may hold', object({ authData: new Uint8Array(50_000) })],
])('refuses %s', (_, bytes) => {
  expect(parseAttestationObject(bytes)).toMatchObject({ ok: false, reason: 'malformed' })
})

test('tells another format from a malformed one', () => {
  expect(parseAttestationObject(object({ fmt: 'packed' }))).toMatchObject({ ok: false, reason: 'unsupported_format' })
})

test('never throws', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => !parseAttestationObject(bytes).ok))
})
