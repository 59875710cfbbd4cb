import fc from 'fast-check'
import { expect, test } from 'vitest'
import { safeNext } from './safe-next.ts'

test.each([
  ['/macs?trust=refused', '/macs?trust=refused'],
  ['/mac/mac_1#evidence', '/mac/mac_1#evidence'],
  ['/a/../macs', '/macs'],
  [undefined, '/'],
  ['', '/'],
  ['macs', '/'],
  ['https://evil.example/', '/'],
  ['//evil.example', '/'],
  ['/\\evil.example', '/'],
  ['/\t/evil.example', '/'],
  ['/\n/evil.example', '/'],
  ['\t//evil.example', '/'],
  ['/.//evil.example', '/'],
  ['/..//evil.example', '/'],
  ['/\t\\evil.example', '/'],
  ['//user@console.invalid/', '/'],
  ['javascript:alert(1)', '/'],
])('after signing in, %j leads to %j', (next, expected) => expect(safeNext(next)).toBe(expected))

test('whatever it is given, a browser stays where it is', () => {
  const part = fc.constantFrom('/', '\\', '\t', '\n', '.', '..', '%2e', '@', ':', '?', '#', 'evil.example', 'http:', 'x')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 10 }), (parts) => {
      const { origin } = new URL(safeNext(parts.join('')), 'https://espalier.example.com')
      expect(origin).toBe('https://espalier.example.com')
    }),
    { numRuns: 2000 },
  )
})
