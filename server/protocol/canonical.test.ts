import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Canonical, canonicalJson } from './canonical.ts'

const value = fc.letrec<{ any: Canonical }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger().map((n) => (n === 0 ? 0 : n)),
    fc.string({ unit: 'grapheme' }),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: 'grapheme' }), tie('any'), { maxKeys: 5 }),
  ),
})).any

describe('canonical JSON', () => {
  test('says the same as JSON', () => {
    fc.assert(fc.property(value, (v) => void expect(JSON.parse(canonicalJson(v))).toEqual(JSON.parse(JSON.stringify(v)))))
  })

  test('is a fixed point: parsed and written again it is the same text', () => {
    fc.assert(fc.property(value, (v) => void expect(canonicalJson(JSON.parse(canonicalJson(v)))).toBe(canonicalJson(v))))
  })

  test('does not depend on the order of members', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.integer(), { maxKeys: 8 }), (object) => {
        const reversed = Object.fromEntries(Object.entries(object).reverse())
        expect(canonicalJson(reversed)).toBe(canonicalJson(object))
      }),
    )
  })

  test('matches the vectors', () => {
    const { canonical } = JSON.parse(readFileSync(new URL('statements.vectors.json', import.meta.url), 'utf8'))
    for (const vector of canonical) expect(canonicalJson(vector.value)).toBe(vector.text)
  })

  const unsayable = [
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 53,
    -0,
    '\ud800',
    { '\udc00': 1 },
    undefined,
    { a: undefined },
    1n,
    () => 1,
  ]
  test.each(unsayable.map((example) => [example]))('has no form for %s', (example) => {
    expect(() => canonicalJson(example as never)).toThrow(TypeError)
  })
})
