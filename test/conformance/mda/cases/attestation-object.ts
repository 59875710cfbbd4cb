import { encode } from 'cborg'
import { type Draft, malformed, refused, unsupported } from '../case.ts'
import { ascii, join, type Laboratory, utf8 } from '../laboratory.ts'

/** An ACME attestation object, {fmt: "apple", attStmt: {x5c: [leaf, …]}}: CBOR in its one strict form, and nothing besides (RFC 8949 §4.2). */
export function objectCases(lab: Laboratory): Draft[] {
  const x5c = lab.chain()
  const good = encode({ fmt: 'apple', attStmt: { x5c } })
  return [...shapes(x5c), ...encodings(good, x5c), ...formats(x5c), ...wrappings(good), ...insides(lab)]
}

const text = (value: string) => join(head(3, utf8(value).length), utf8(value))
const bytes = (value: Uint8Array) => join(head(2, value.length), value)
const list = (...items: Uint8Array[]) => join(head(4, items.length), ...items)
const map = (...members: Uint8Array[]) => join(head(5, members.length / 2), ...members)

/** The first bytes of a CBOR value in their fewest. */
function head(major: number, length: number): Uint8Array {
  if (length < 24) return Uint8Array.of((major << 5) | length)
  return length < 256 ? Uint8Array.of((major << 5) | 24, length) : Uint8Array.of((major << 5) | 25, length >> 8, length & 0xff)
}

function shapes(x5c: Uint8Array[]): Draft[] {
  const of = (title: string, value: unknown) => malformed(title, encode(value))
  return [
    of('an empty map', {}),
    of('no fmt', { attStmt: { x5c } }),
    of('fmt is a number', { fmt: 1, attStmt: { x5c } }),
    of('fmt is bytes', { fmt: ascii('apple'), attStmt: { x5c } }),
    of('fmt is null', { fmt: null, attStmt: { x5c } }),
    of('no attStmt', { fmt: 'apple' }),
    of('attStmt is null', { fmt: 'apple', attStmt: null }),
    of('attStmt is the list itself', { fmt: 'apple', attStmt: x5c }),
    of('attStmt is empty', { fmt: 'apple', attStmt: {} }),
    of('attStmt holds something else as well', { fmt: 'apple', attStmt: { x5c, alg: -7 } }),
    of('attStmt holds something else alone', { fmt: 'apple', attStmt: { receipt: x5c[0] } }),
    of('x5c is empty', { fmt: 'apple', attStmt: { x5c: [] } }),
    of('x5c is one certificate', { fmt: 'apple', attStmt: { x5c: x5c[0] } }),
    of('x5c holds texts', { fmt: 'apple', attStmt: { x5c: x5c.map((der) => Buffer.from(der).toString('base64')) } }),
    of('x5c holds a list', { fmt: 'apple', attStmt: { x5c: [x5c] } }),
    of('x5c holds a null', { fmt: 'apple', attStmt: { x5c: [...x5c, null] } }),
    of('x5c is a map', { fmt: 'apple', attStmt: { x5c: { 0: x5c[0] } } }),
    of('an unknown member', { fmt: 'apple', attStmt: { x5c }, extra: 1 }),
    of('authData is a text', { fmt: 'apple', attStmt: { x5c }, authData: 'AAAA' }),
    of('authData is null', { fmt: 'apple', attStmt: { x5c }, authData: null }),
    of('more than 48 KiB', { fmt: 'apple', attStmt: { x5c }, authData: new Uint8Array(50_000) }),
    of('the members under other capitals', { Fmt: 'apple', AttStmt: { x5c } }),
  ]
}

function encodings(good: Uint8Array, x5c: Uint8Array[]): Draft[] {
  const statement = map(text('x5c'), list(...x5c.map(bytes)))
  const whole = (...members: Uint8Array[]) => map(...members)
  const [fmt, att, apple] = [text('fmt'), text('attStmt'), text('apple')]
  return [
    malformed('cut off', good.subarray(0, good.length - 1)),
    malformed('cut off after its first byte', good.subarray(0, 1)),
    malformed('a byte after it', join(good, Uint8Array.of(0))),
    malformed('the object twice', join(good, good)),
    malformed('a map of indefinite length', join(Uint8Array.of(0xbf), fmt, apple, att, statement, Uint8Array.of(0xff))),
    malformed(
      'a list of indefinite length',
      whole(fmt, apple, att, map(text('x5c'), join(Uint8Array.of(0x9f), ...x5c.map(bytes), Uint8Array.of(0xff)))),
    ),
    malformed(
      'bytes of indefinite length',
      whole(fmt, apple, att, map(text('x5c'), list(join(Uint8Array.of(0x5f), bytes(x5c[0] ?? ascii('')), Uint8Array.of(0xff))))),
    ),
    malformed('a text of indefinite length', whole(fmt, join(Uint8Array.of(0x7f), apple, Uint8Array.of(0xff)), att, statement)),
    malformed('a count in more bytes than it needs', join(Uint8Array.of(0xb8, 2), fmt, apple, att, statement)),
    malformed('a length in more bytes than it needs', whole(fmt, join(Uint8Array.of(0x78, 5), ascii('apple')), att, statement)),
    malformed('fmt twice', whole(fmt, apple, fmt, apple, att, statement)),
    malformed('fmt twice, the second of another kind', whole(fmt, apple, att, statement, fmt, text('none'))),
    malformed('x5c twice', whole(fmt, apple, att, map(text('x5c'), list(bytes(ascii('x'))), text('x5c'), list(...x5c.map(bytes))))),
    malformed('a key that is a number', whole(fmt, apple, att, statement, Uint8Array.of(1), text('a'))),
    malformed('a key that is bytes', whole(fmt, apple, att, statement, bytes(ascii('authData')), bytes(ascii('a')))),
    malformed('a tag before a text', whole(fmt, join(Uint8Array.of(0xd8, 32), apple), att, statement)),
    malformed('undefined', whole(fmt, apple, att, statement, text('authData'), Uint8Array.of(0xf7))),
    malformed('a number that is infinite', whole(fmt, apple, att, statement, text('authData'), Uint8Array.of(0xf9, 0x7c, 0))),
    malformed('a text that is not UTF-8', whole(fmt, join(head(3, 2), Uint8Array.of(0xc3, 0x28)), att, statement)),
    malformed('a reserved length', Uint8Array.of(0xbc, 0, 0)),
    malformed('a length beyond the file', join(Uint8Array.of(0xba, 0xff, 0xff, 0xff, 0xff), fmt, apple)),
    malformed('a thousand lists, one in another', join(Uint8Array.of(0xa1), fmt, new Uint8Array(1000).fill(0x81), Uint8Array.of(0))),
  ]
}

const formats = (x5c: Uint8Array[]): Draft[] =>
  ['none', 'packed', 'tpm', 'apple-appattest', 'android-key', 'fido-u2f', 'Apple', 'APPLE', ' apple', 'apple ', 'apple\0', '', 'аpple'].map(
    (format) => unsupported(`the format ${JSON.stringify(format)}`, encode({ fmt: format, attStmt: { x5c } }), 'unsupported_format'),
  )

/** As ACME carries it: base64url without padding, alone or in JSON. */
function wrappings(good: Uint8Array): Draft[] {
  const plain = Buffer.from(good).toString('base64url')
  const json = (value: unknown) => utf8(JSON.stringify(value))
  return [
    malformed('JSON without attObj', json({ attobj: plain })),
    malformed('JSON with an attObj that is no text', json({ attObj: [plain] })),
    malformed('JSON with an attObj that is empty', json({ attObj: '' })),
    malformed('JSON with padding', json({ attObj: `${plain}=` })),
    malformed('JSON with the other alphabet', json({ attObj: `+/${plain}` })),
    malformed('JSON with a line end in it', json({ attObj: `${plain.slice(0, 40)}\n${plain.slice(40)}` })),
    malformed('JSON cut off', json({ attObj: plain }).subarray(0, -1)),
    malformed('JSON and something after it', join(json({ attObj: plain }), ascii('x'))),
    malformed('the client’s error in place of the object', json({ error: 'attestation failed' })),
    malformed('base64url with padding', ascii(`${plain}==`), 'unknown_input'),
    malformed('base64 with line ends', ascii(`${plain.slice(0, 64)}\n${plain.slice(64)}`), 'unknown_input'),
  ]
}

/** A sound wrapping does not mend what is inside. */
function insides(lab: Laboratory): Draft[] {
  const object = (chain: Uint8Array[]) => encode({ fmt: 'apple', attStmt: { x5c: chain } })
  return [
    refused('inside: the leaf alone', 'CHAIN_INCOMPLETE', object([lab.leaf()])),
    refused('inside: SIP off', 'SIP_DISABLED', object(lab.chain(lab.value('sip', Uint8Array.of(2, 1, 1))))),
    refused('inside: no freshness code', 'FRESHNESS_MISSING', object(lab.chain(lab.replaced('freshness')))),
    refused(
      'inside: an anonymous Mac',
      ['SERIAL_MISSING', 'UDID_MISSING'],
      object(
        lab.chain({
          extensions: lab
            .leafExtensions()
            .filter(({ oid }) => !oid.startsWith('1.2.840.113635.100.8.9.1') && !oid.startsWith('1.2.840.113635.100.8.9.2')),
        }),
      ),
    ),
    malformed('inside: a certificate cut off', object([lab.leaf().subarray(0, 200), lab.subCa()]), 'malformed_certificate'),
  ]
}
