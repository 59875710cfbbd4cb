import { describe, expect, test } from 'vitest'
import { findStep, newTotpSecret, otpauthUri, timeStep, toBase32, totpAt } from './totp.ts'

const secret = Buffer.from('12345678901234567890')
const at = (seconds: number) => new Date(seconds * 1000)

describe('RFC 6238, appendix B (SHA-1)', () => {
  test.each([
    [59, '94287082'],
    [1111111109, '07081804'],
    [1111111111, '14050471'],
    [1234567890, '89005924'],
    [2000000000, '69279037'],
    [20000000000, '65353130'],
  ])('at %i s the code is %s', (seconds, code) => expect(totpAt(secret, timeStep(at(seconds)), 8)).toBe(code))
})

test('RFC 4226, appendix D', () => {
  const codes = ['755224', '287082', '359152', '969429', '338314', '254676', '287922', '162583', '399871', '520489']
  expect(codes.map((_, counter) => totpAt(secret, counter))).toEqual(codes)
})

describe('a code', () => {
  const now = at(1_700_000_010)
  const step = timeStep(now)

  test('counts in its own step and in the one before and after, and no further', () => {
    for (const near of [-1, 0, 1]) expect(findStep(secret, totpAt(secret, step + near), { now, after: null })).toBe(step + near)
    for (const far of [-2, 2]) expect(findStep(secret, totpAt(secret, step + far), { now, after: null })).toBeUndefined()
  })

  test('is not taken again, nor one older than it', () => {
    expect(findStep(secret, totpAt(secret, step), { now, after: step })).toBeUndefined()
    expect(findStep(secret, totpAt(secret, step - 1), { now, after: step })).toBeUndefined()
    expect(findStep(secret, totpAt(secret, step + 1), { now, after: step })).toBe(step + 1)
  })

  test('of another secret, or of another shape, is none', () => {
    expect(findStep(newTotpSecret(), totpAt(secret, step), { now, after: null })).toBeUndefined()
    for (const code of ['', '12345', '1234567', 'abcdef', '１２３４５６', ' 12345', '+12345'])
      expect(findStep(secret, code, { now, after: null })).toBeUndefined()
  })
})

test.each([
  ['', ''],
  ['f', 'MY'],
  ['fo', 'MZXQ'],
  ['foo', 'MZXW6'],
  ['foob', 'MZXW6YQ'],
  ['fooba', 'MZXW6YTB'],
  ['foobar', 'MZXW6YTBOI'],
])('RFC 4648 §10: “%s” is %s in base32', (text, code) => expect(toBase32(Buffer.from(text))).toBe(code))

test('the address for the app names issuer and account, whatever characters they have', () => {
  const uri = otpauthUri(secret, { issuer: 'Espalier', email: 'a+b&c@example.com' })
  expect(uri).toBe(`otpauth://totp/Espalier:a%2Bb%26c%40example.com?secret=${toBase32(secret)}&issuer=Espalier`)
})
