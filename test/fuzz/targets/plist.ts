import { parsePlist } from '../../../mdm/plist/parse-plist.ts'
import { type PlistValue, plistDict } from '../../../mdm/plist/value.ts'
import { writePlistBytes } from '../../../mdm/plist/write-plist.ts'
import { writeBinaryPlist } from '../../../mdm/testing/write-binary-plist.ts'
import { hold, type Input, one, type Probe, same, type Target } from '../target.ts'

/** Every kind of value, at its edges, as messages and replies of a Mac hold them. */
const VALUES: readonly PlistValue[] = [
  plistDict({
    MessageType: 'TokenUpdate',
    UDID: '00006030-0001020304050607',
    Topic: 'com.apple.mgmt.External.5e1f',
    Token: Uint8Array.from({ length: 32 }, (_, i) => i * 7),
    PushMagic: 'A1B2',
    AwaitingConfiguration: false,
    NotOnConsole: true,
  }),
  plistDict({
    Status: 'Acknowledged',
    CommandUUID: '0B9E',
    QueryResponses: plistDict({
      SerialNumber: '0HXK2Q9ABC',
      DevicePropertiesAttestation: [Uint8Array.of(0x30, 0x82, 1, 2), Uint8Array.of(0x30, 0x80)],
      BatteryLevel: -1,
      Name: 'Zoë’s Mac 😀 & <Co>',
    }),
  }),
  [0n, -1n, 255n, 256n, 2n ** 31n, -(2n ** 63n), 2n ** 63n - 1n, 2n ** 64n - 1n],
  [0, -0, 1.5, -1e-300, 1.7976931348623157e308, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  [new Date(0), new Date('2026-11-21T12:00:00Z'), new Date('2001-01-01T00:00:00Z'), new Date('9999-12-31T23:59:59Z')],
  ['', 'a', '\t\r\n', 'x'.repeat(300), [], new Map(), new Uint8Array(), true, false],
  [[[[['deep', new Map([['__proto__', new Map([['constructor', 'x']])]])]]]]],
]

export const plistXml: Target = {
  name: 'plist-xml',
  about: 'XML property lists: what is read is written and read as the same value, in XML and in binary.',
  shape: 'text',
  words: [
    ...['<dict>', '</dict>', '<array>', '</array>', '<array/>', '<key>', '</key>', '<key>a</key>', '<string>', '</string>', '<string/>'],
    ...['<integer>', '</integer>', '<real>', '</real>', '<date>', '</date>', '<data>', '</data>', '<true/>', '<false/>', '</plist>'],
    ...[
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '<!ENTITY x "y">',
      '<!DOCTYPE plist [',
      '&amp;',
      '&lt;',
      '&#0;',
      '&#x10FFFF;',
      '&#xD800;',
      '&x;',
    ],
    ...['<?xml', '\uFEFF', '\u0000', '\uFFFE', ' ', '\r\n', '0x10', '+infinity', 'nan', '2001-02-30T00:00:00Z', '====', ' version="2.0"'],
  ],
  open: async () => probeOf(VALUES.map((value) => writePlistBytes(value)).flatMap((file) => [one(file), one(withoutProlog(file))])),
}

const withoutProlog = (file: Uint8Array): Uint8Array => file.subarray(Buffer.from(file).indexOf('<plist'))

export const plistBinary: Target = {
  name: 'plist-binary',
  about: 'Binary property lists: what is read is written and read as the same value, in XML and in binary.',
  shape: 'bytes',
  words: ['bplist00', 'bplist15', '\u0010', '\u0008'],
  open: async () => {
    const files = VALUES.map((value) => writeBinaryPlist(value))
    return {
      corpus: [...files.map(one), ...files.map(takeApart)],
      run: (parts) => run([parts.length === 3 ? putTogether(parts) : (parts[0] ?? EMPTY)]),
    }
  },
}

const EMPTY = new Uint8Array()

/** Objects, offsets, trailer: most changes to a whole file are refused for its trailer, and nothing behind it is tried. */
function takeApart(file: Uint8Array): Input {
  const trailer = file.length - 32
  const table = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(trailer + 24))
  return [file.slice(8, table), file.slice(table, trailer), file.slice(trailer)]
}

/** With the place of the offsets and their number set right. */
function putTogether([objects = EMPTY, offsets = EMPTY, trailer = EMPTY]: Input): Uint8Array {
  const end = Buffer.alloc(32)
  end.set(trailer.subarray(0, 32))
  end.writeBigUInt64BE(BigInt(Math.floor(offsets.length / Math.max(1, end[6] ?? 1))), 8)
  end.writeBigUInt64BE(BigInt(8 + objects.length), 24)
  return new Uint8Array(Buffer.concat([Buffer.from('bplist00'), objects, offsets, end]))
}

const probeOf = (corpus: readonly Input[]): Probe => ({ corpus, run })

/** Two references a byte each limit what the writer of these tests can hold; the product writes XML alone. */
const MAX_OBJECTS = 60_000

function run([bytes = new Uint8Array()]: Input): string {
  const before = Uint8Array.from(bytes)
  const parsed = parsePlist(bytes)
  hold('the input is left as it was', same(before, bytes))
  if (!parsed.ok) return `${parsed.code} ${parsed.detail.replace(/\d+|".*"|<[^>]*>/gs, '…').slice(0, 60)}`
  const { value } = parsed
  if (countObjects(value) > MAX_OBJECTS) return 'read, too many objects to write'
  hold('binary is read as it was written', isSame(value, readBack(writeBinaryPlist(value))))
  const xml = writePlistBytes(value)
  const again = readBack(xml)
  hold('XML is read as it was written, to the second', isSame(wholeSeconds(value), again))
  hold('the same value is written the same', same(xml, writePlistBytes(again)))
  return `read ${kindOf(value)}`
}

function readBack(bytes: Uint8Array): PlistValue {
  const parsed = parsePlist(bytes, { maxBytes: 64 * 1024 * 1024 })
  hold(`what was written is read again (${parsed.ok ? '' : parsed.code})`, parsed.ok)
  return parsed.ok ? parsed.value : ''
}

const kindOf = (value: PlistValue): string =>
  value instanceof Map ? 'dict' : Array.isArray(value) ? 'array' : value instanceof Uint8Array ? 'data' : typeof value

function countObjects(value: PlistValue): number {
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + countObjects(item), 1)
  if (value instanceof Map) return [...value.values()].reduce((sum: number, item) => sum + 1 + countObjects(item), 1)
  return 1
}

function wholeSeconds(value: PlistValue): PlistValue {
  if (value instanceof Date) return new Date(Math.floor(value.getTime() / 1000) * 1000)
  if (Array.isArray(value)) return value.map(wholeSeconds)
  return value instanceof Map ? new Map([...value].map(([key, item]) => [key, wholeSeconds(item)])) : value
}

function isSame(a: PlistValue, b: PlistValue): boolean {
  if (a instanceof Date) return b instanceof Date && a.getTime() === b.getTime()
  if (a instanceof Uint8Array) return b instanceof Uint8Array && same(a, b)
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => isSame(item, b[index] as PlistValue))
  if (!(a instanceof Map)) return Object.is(a, b)
  return b instanceof Map && a.size === b.size && [...a].every(([key, item]) => b.has(key) && isSame(item, b.get(key) as PlistValue))
}
