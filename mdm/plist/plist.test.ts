import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { writeBinaryPlist } from '../testing/write-binary-plist.ts'
import { parsePlist, parsePlistDict } from './parse-plist.ts'
import { isXmlText } from './scalars.ts'
import { integerAt, type PlistValue, plistDict, stringAt } from './value.ts'
import { writePlist, writePlistBytes } from './write-plist.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const xml = (inner: string) => bytes(`<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0">${inner}</plist>`)
const codeOf = (input: Uint8Array) => {
  const parsed = parsePlist(input)
  return parsed.ok ? 'ok' : parsed.code
}
const read = (input: Uint8Array): PlistValue => {
  const parsed = parsePlist(input)
  if (!parsed.ok) throw new Error(`${parsed.code}: ${parsed.detail}`)
  return parsed.value
}

const text = fc.string({ unit: 'binary', maxLength: 20 }).filter(isXmlText)
const wholeSeconds = fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => new Date(seconds * 1000))
const { value: anyPlist } = fc.letrec<{ value: PlistValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text,
    fc.boolean(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.double({ noNaN: true }),
    wholeSeconds,
    fc.uint8Array({ maxLength: 64 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(text, tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
  ),
}))

describe('XML', () => {
  test('reads what it writes, for every value', () => {
    fc.assert(
      fc.property(anyPlist, (value) => {
        expect(read(writePlistBytes(value))).toEqual(value)
      }),
    )
  })

  test('never throws, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (input) => void parsePlist(input)))
    fc.assert(
      fc.property(anyPlist, fc.nat(), fc.nat(255), (value, position, replacement) => {
        const damaged = writePlistBytes(value)
        damaged[position % damaged.length] = replacement
        parsePlist(damaged)
      }),
    )
  })

  test('reads a message as a Mac writes it', () => {
    const message = parsePlistDict(
      bytes(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Status</key>
	<string>Idle &amp; &#x41;</string>
	<key>Count</key>
	<integer>-42</integer>
	<key>Token</key>
	<data>
	AAEC
	Aw==
	</data>
</dict>
</plist>
`),
    )
    expect(message).toEqual({
      ok: true,
      value: plistDict({ Status: 'Idle & A', Count: -42n, Token: Uint8Array.of(0, 1, 2, 3) }),
    })
  })

  test('keeps integers exactly and hands out only those that a number holds', () => {
    const dict = read(xml('<dict><key>a</key><integer>9007199254740993</integer><key>b</key><integer>7</integer></dict>'))
    if (!(dict instanceof Map)) throw new Error('no dict')
    expect(dict.get('a')).toBe(9007199254740993n)
    expect([integerAt(dict, 'a'), integerAt(dict, 'b'), stringAt(dict, 'b')]).toEqual([undefined, 7, undefined])
  })

  test('a key called __proto__ is a key', () => {
    expect(read(xml('<dict><key>__proto__</key><true/></dict>'))).toEqual(new Map([['__proto__', true]]))
  })

  test.each([
    ['a DOCTYPE with an internal subset', '<!DOCTYPE plist [<!ENTITY x "y">]><plist version="1.0"><true/></plist>', 'doctype_refused'],
    ['an unknown entity', '<plist><string>&x;</string></plist>', 'entity_refused'],
    ['a bare ampersand', '<plist><string>a & b</string></plist>', 'entity_refused'],
    ['a reference to NUL', '<plist><string>&#0;</string></plist>', 'bad_character'],
    ['a reference to half a pair', '<plist><string>&#xD800;</string></plist>', 'bad_character'],
    ['a duplicate key', '<plist><dict><key>UDID</key><true/><key>UDID</key><true/></dict></plist>', 'duplicate_key'],
    ['a duplicate key in disguise', '<plist><dict><key>A</key><true/><key>&#65;</key><true/></dict></plist>', 'duplicate_key'],
    ['base64 with stray bits', '<plist><data>AB==</data></plist>', 'bad_data'],
    ['base64 without padding', '<plist><data>AAA</data></plist>', 'bad_data'],
    ['base64url', '<plist><data>__8=</data></plist>', 'bad_data'],
    ['content after the root', '<plist><true/></plist><!-- -->', 'trailing_content'],
    ['a second root', '<plist><true/></plist><plist><true/></plist>', 'trailing_content'],
    ['two values in the root', '<plist><true/><true/></plist>', 'malformed'],
    ['an unknown element', '<plist><uid>1</uid></plist>', 'unknown_element'],
    ['an attribute', '<plist><string a="b">x</string></plist>', 'attribute_refused'],
    ['another plist version', '<plist version="2.0"><true/></plist>', 'attribute_refused'],
    ['a comment', '<plist><!-- --><true/></plist>', 'markup_refused'],
    ['a comment inside a string', '<plist><string>a<!-- -->b</string></plist>', 'markup_refused'],
    ['CDATA', '<plist><string><![CDATA[x]]></string></plist>', 'markup_refused'],
    ['a hexadecimal integer', '<plist><integer>0x10</integer></plist>', 'bad_integer'],
    ['an integer beyond 64 bits', '<plist><integer>18446744073709551616</integer></plist>', 'bad_integer'],
    ['31 February', '<plist><date>2026-02-31T00:00:00Z</date></plist>', 'bad_date'],
    ['a value without a key', '<plist><dict><true/></dict></plist>', 'malformed'],
    ['a key without a value', '<plist><dict><key>a</key></dict></plist>', 'malformed'],
    ['an unclosed element', '<plist><string>a', 'malformed'],
    ['a wrong end tag', '<plist><string>a</data></plist>', 'malformed'],
    ['text between elements', '<plist><dict>x</dict></plist>', 'malformed'],
    ['nothing', '', 'not_a_plist'],
    ['JSON', '{}', 'not_a_plist'],
  ])('refuses %s', (_, input, code) => {
    expect(codeOf(bytes(input))).toBe(code)
  })

  test('refuses bytes that are not UTF-8', () => {
    expect(codeOf(Uint8Array.of(...bytes('<plist><string>'), 0xff, ...bytes('</string></plist>')))).toBe('not_utf8')
  })

  test('refuses the 33rd level and not the 32nd', () => {
    const nested = (levels: number) => xml(`${'<array>'.repeat(levels)}${'</array>'.repeat(levels)}`)
    expect([codeOf(nested(33)), codeOf(nested(34))]).toEqual(['ok', 'too_deep'])
  })

  test('refuses more bytes than it is told to read', () => {
    const input = writePlistBytes('x'.repeat(100))
    expect(parsePlist(input, { maxBytes: input.length }).ok).toBe(true)
    expect(parsePlist(input, { maxBytes: input.length - 1 })).toMatchObject({ code: 'too_large' })
  })

  test('does not write what XML cannot hold', () => {
    expect(() => writePlist('\u0000')).toThrow(TypeError)
    expect(() => writePlist(2n ** 64n)).toThrow()
  })
})

describe('binary', () => {
  test('reads every value that a binary writer writes', () => {
    fc.assert(
      fc.property(anyPlist, (value) => {
        expect(read(writeBinaryPlist(value))).toEqual(value)
      }),
    )
  })

  test.each([0.1, -601_476_040.000_2, 1_753_000_000.123_456])(
    'a date between two seconds (%d) stays where it is when it is written again',
    (seconds) => {
      const file = writeBinaryPlist(new Date(0))
      new DataView(file.buffer, file.byteOffset).setFloat64(9, seconds)
      const date = read(file)
      expect(read(writeBinaryPlist(date))).toEqual(date)
      expect((date as Date).getTime()).toBe(Math.round((seconds + 978_307_200) * 1000))
    },
  )

  test.each([-1e11, 1e12, 1e300, Number.NaN, Number.POSITIVE_INFINITY])('refuses a date that XML cannot hold (%d seconds)', (seconds) => {
    const file = writeBinaryPlist(new Date(0))
    new DataView(file.buffer, file.byteOffset).setFloat64(9, seconds)
    expect(codeOf(file)).toBe('bad_date')
  })

  test('never throws on a damaged file', () => {
    fc.assert(
      fc.property(anyPlist, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }), (value, changes) => {
        const damaged = writeBinaryPlist(value)
        for (const [position, replacement] of changes) damaged[8 + (position % (damaged.length - 8))] = replacement
        parsePlist(damaged)
      }),
    )
  })

  test('reads what another implementation wrote', ({ skip }) => {
    const script =
      'import plistlib,sys,datetime;sys.stdout.buffer.write(plistlib.dumps({"a":[1,-1,2**63,True,1.5,b"\\x00\\x01","h\\u00e9"],"d":datetime.datetime(2026,1,31,12,0,0)},fmt=plistlib.FMT_BINARY))'
    let written: Buffer
    try {
      written = execFileSync('python3', ['-c', script])
    } catch {
      return skip('python3 is not here to write a binary plist')
    }
    expect(read(new Uint8Array(written))).toEqual(
      plistDict({
        a: [1n, -1n, 2n ** 63n, true, 1.5, Uint8Array.of(0, 1), 'hé'],
        d: new Date('2026-01-31T12:00:00Z'),
      }),
    )
  })

  /** Objects, then an offset table of one-byte entries, then the trailer. */
  const file = (objects: number[][], options: { top?: number; count?: number; refSize?: number; shift?: number } = {}) => {
    const offsets = objects.map((_, i) => 8 + objects.slice(0, i).flat().length + (options.shift ?? 0))
    const table = 8 + objects.flat().length
    const u64 = (value: number) => [0, 0, 0, 0, 0, 0, value >> 8, value & 255]
    const trailer = [
      0,
      0,
      0,
      0,
      0,
      0,
      1,
      options.refSize ?? 1,
      ...u64(options.count ?? objects.length),
      ...u64(options.top ?? 0),
      ...u64(table),
    ]
    return Uint8Array.of(...bytes('bplist00'), ...objects.flat(), ...offsets, ...trailer)
  }

  test('the smallest file is read', () => expect(read(file([[0x09]]))).toBe(true))

  test.each([
    ['an array that contains itself', file([[0xa1, 0]]), 'cycle'],
    [
      'a dict that contains itself through an array',
      file([
        [0xd1, 1, 2],
        [0x51, 0x61],
        [0xa1, 0],
      ]),
      'cycle',
    ],
    ['a duplicate key', file([[0xd2, 1, 2, 3, 3], [0x51, 0x61], [0x51, 0x61], [0x09]]), 'duplicate_key'],
    ['a key that is no string', file([[0xd1, 1, 1], [0x09]]), 'malformed'],
    ['a reference to no object', file([[0xa1, 9]]), 'bad_offset'],
    ['a top object that is not there', file([[0x09]], { top: 1 }), 'bad_offset'],
    ['more objects than there are offsets', file([[0x09]], { count: 2 }), 'bad_offset'],
    ['an offset behind the objects', file([[0x09]], { shift: 1 }), 'bad_offset'],
    ['a string that runs past the objects', file([[0x55, 0x61]]), 'bad_offset'],
    ['null', file([[0x00]]), 'unknown_element'],
    ['a UID', file([[0x80, 1]]), 'unknown_element'],
    ['a set', file([[0xc0]]), 'unknown_element'],
    ['bytes above 127 in an ASCII string', file([[0x51, 0xe9]]), 'bad_character'],
    ['half a surrogate pair', file([[0x61, 0xd8, 0x00]]), 'bad_character'],
    ['NUL in a string', file([[0x51, 0x00]]), 'bad_character'],
    ['references of no size', file([[0x09]], { refSize: 0 }), 'malformed'],
  ])('refuses %s', (_, input, code) => {
    expect(codeOf(input)).toBe(code)
  })

  test('refuses a small file that unfolds into a huge value', () => {
    const layers = Array.from({ length: 10 }, (_, i) => [0xae, ...Array.from({ length: 14 }, () => i + 1)])
    expect(codeOf(file([...layers, [0x09]]))).toBe('too_large')
  })
})
