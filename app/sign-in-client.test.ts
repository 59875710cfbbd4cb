import { expect, test } from 'vitest'
import { safeNext } from './sign-in-client.ts'

test.each([
  ['/macs?trust=refused', '/macs?trust=refused'],
  [undefined, '/'],
  ['', '/'],
  ['https://evil.example/', '/'],
  ['//evil.example', '/'],
  ['/\\evil.example', '/'],
  ['javascript:alert(1)', '/'],
])('after signing in, %j leads to %j', (next, expected) => expect(safeNext(next)).toBe(expected))
