import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { integer, objectIdentifier, sequence, time, tlv } from '../../test/software-mac/apple/der-writer.ts'
import {
  createDerReader,
  DerError,
  decodeBitString,
  decodeBoolean,
  decodeInteger,
  decodeObjectIdentifier,
  decodeTime,
  readOnly,
  readWhole,
  TAG,
} from './der.ts'

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const text = (tag: number, value: string) => readOnly(tlv(tag, Buffer.from(value)), tag)

describe('lengths', () => {
  test.each([
    ['an indefinite length', '30 80 00 00'],
    ['a long form where the short one fits', '04 81 01 41'],
    ['a leading zero byte in the length', '04 82 00 01 41'],
    ['a length beyond the input', '04 05 41'],
    ['a length of four bytes', '04 84 00 00 00 01 41'],
    ['a length cut off', '04 82 01'],
    ['no length', '04'],
    ['a tag of several bytes', '1f 81 01 00'],
    ['bytes after the value', '04 01 41 00'],
    ['nothing at all', ''],
  ])('refuses %s', (_, hex) => {
    expect(() => readOnly(bytes(hex), 0x04)).toThrow(DerError)
  })

  test.each([0, 1, 127, 128, 255, 256, 5000])('reads %i bytes', (length) => {
    expect(readOnly(tlv(0x04, new Uint8Array(length)), 0x04).content).toHaveLength(length)
  })
})

test('refuses another tag and leftovers inside', () => {
  expect(() => readOnly(tlv(0x04), 0x30)).toThrow(DerError)
  expect(() => readWhole(sequence(integer(1), integer(2)), TAG.sequence, (inside) => inside.next())).toThrow(DerError)
})

describe('INTEGER', () => {
  test('reads what was written', () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 160n }), (value) => decodeInteger(readOnly(integer(value), 2).content) === value))
  })

  test('reads negative numbers as negative', () => {
    expect(decodeInteger(bytes('ff'))).toBe(-1n)
    expect(decodeInteger(bytes('80'))).toBe(-128n)
  })

  test.each(['', '00 01', '00 00', 'ff 80', 'ff ff'])('refuses “%s”', (hex) => {
    expect(() => decodeInteger(bytes(hex))).toThrow(DerError)
  })
})

test('BOOLEAN is 00 or FF', () => {
  expect(decodeBoolean(bytes('ff'))).toBe(true)
  expect(decodeBoolean(bytes('00'))).toBe(false)
  for (const hex of ['', '01', 'ff ff']) expect(() => decodeBoolean(bytes(hex))).toThrow(DerError)
})

test('BIT STRING refuses set unused bits, too many of them, and emptiness with some', () => {
  expect(decodeBitString(bytes('04 f0')).unusedBits).toBe(4)
  for (const hex of ['', '04 f1', '08 00', '01']) expect(() => decodeBitString(bytes(hex))).toThrow(DerError)
})

describe('OBJECT IDENTIFIER', () => {
  test.each(['1.2.840.113635.100.8.13.1', '2.5.29.19', '0.9.2342', '2.999.1'])('reads %s', (oid) => {
    const encoded = oid === '2.999.1' ? bytes('88 37 01') : readOnly(objectIdentifier(oid), 6).content
    expect(decodeObjectIdentifier(encoded)).toBe(oid)
  })

  test.each(['', '80 01', '2a 80 01', '2a 86', '2a ff ff ff ff ff ff ff ff 7f'])('refuses “%s”', (hex) => {
    expect(() => decodeObjectIdentifier(bytes(hex))).toThrow(DerError)
  })
})

describe('times', () => {
  test.each(['1950-01-01T00:00:00Z', '2026-11-21T12:34:56Z', '2049-12-31T23:59:59Z', '2050-01-01T00:00:00Z'])('reads %s', (iso) => {
    expect(decodeTime(createDerReader(time(new Date(iso))).next())).toEqual(new Date(iso))
  })

  test.each([
    [0x17, '2611211234Z'],
    [0x17, '261121123456+0100'],
    [0x17, '260230000000Z'],
    [0x17, '261121240000Z'],
    [0x17, '26112112345xZ'],
    [0x18, '20261121123456Z'],
    [0x18, '20510101000000.5Z'],
    [0x0c, '261121123456Z'],
  ])('refuses tag %i “%s”', (tag, value) => {
    expect(() => decodeTime(text(tag, value))).toThrow(DerError)
  })
})
