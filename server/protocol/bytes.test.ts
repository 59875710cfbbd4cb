import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { base64url, concat, fromBase64url, fromHex, hex, isEqual, u32, u64, utf8 } from './bytes.ts'

const bytes = fc.uint8Array({ maxLength: 100 })

describe('base64url and hex', () => {
  test('give back what they were made of', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(fromBase64url(base64url(value))).toEqual(value)
        expect(fromHex(hex(value))).toEqual(value)
      }),
    )
  })

  test('accept exactly one spelling of any bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'AQgw-_09af=+/ Z'), maxLength: 9 }), (text) => {
        const fromUrl = fromBase64url(text)
        if (fromUrl !== undefined) expect(base64url(fromUrl)).toBe(text)
        const fromHexText = fromHex(text)
        if (fromHexText !== undefined) expect(hex(fromHexText)).toBe(text)
      }),
    )
  })

  test.each(['A', 'AB=', 'AB==', '+A', '/A', 'A B', 'AB\n', 'AAB', '=', 'é'])('base64url refuses %j', (text) => {
    expect(fromBase64url(text)).toBeUndefined()
  })

  test.each(['0', 'AB', '0g', '0x00', ' 00', '00\n'])('hex refuses %j', (text) => {
    expect(fromHex(text)).toBeUndefined()
  })

  test('look at the view, not at the buffer behind it', () => {
    const view = Uint8Array.of(1, 2, 3, 4).subarray(1, 3)
    expect(hex(view)).toBe('0203')
    expect(base64url(view)).toBe('AgM')
  })
})

describe('isEqual', () => {
  test('is equality of content', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(isEqual(a, a.slice())).toBe(true)
        expect(isEqual(a, b)).toBe(Buffer.compare(a, b) === 0)
      }),
    )
  })

  test('sees any one differing bit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(), (value, bit) => {
        const other = value.slice()
        const at = (bit >> 3) % value.length
        other[at] = (other[at] as number) ^ (1 << (bit & 7))
        expect(isEqual(value, other)).toBe(false)
      }),
    )
  })
})

test('concat joins in order and copies', () => {
  const part = Uint8Array.of(1)
  const joined = concat(part, Uint8Array.of(), Uint8Array.of(2, 3))
  part[0] = 9
  expect(joined).toEqual(Uint8Array.of(1, 2, 3))
})

test('integers are big-endian', () => {
  expect(hex(u32(0x01020304))).toBe('01020304')
  expect(hex(u64(0x0102030405))).toBe('0000000102030405')
  expect(hex(u64(2n ** 64n - 1n))).toBe('ffffffffffffffff')
  expect(hex(utf8('é'))).toBe('c3a9')
})
