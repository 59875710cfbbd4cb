import {
  bitString,
  boolean,
  explicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  tlv,
  utf8String,
} from '../../../software-mac/apple/der-writer.ts'
import { type Draft, malformedChain } from '../case.ts'
import { ascii, type Change, extensionDer, join, type Laboratory } from '../laboratory.ts'

/** BER that is not DER, and DER that is no certificate: a strict reader understands none of it (X.690 §10, RFC 5280 §4.1). */
export function derCases(lab: Laboratory): Draft[] {
  const both = tricks(lab)
  return [
    ...both.map(([title, change]) => malformedChain(`leaf: ${title}`, lab.chain(change))),
    ...both.filter((_, index) => index % 3 === 0).map(([title, change]) => malformedChain(`intermediate: ${title}`, lab.chain({}, change))),
    malformedChain('garbage in place of the leaf', [new Uint8Array(300).fill(7), lab.subCa()]),
    malformedChain('garbage in place of the intermediate', [lab.leaf(), new Uint8Array(300).fill(7)]),
    malformedChain('a public key in place of the leaf', [lab.leafKey.spki, lab.subCa()]),
  ]
}

const utcTime = (text: string) => tlv(0x17, ascii(text))
const generalizedTime = (text: string) => tlv(0x18, ascii(text))
/** The content of a value whose header takes four bytes, as that of a whole certificate does. */
const inside = (der: Uint8Array) => der.subarray(4)

function tricks(lab: Laboratory): [string, Change][] {
  const unknown = sequence(objectIdentifier('1.2.3.4'), octetString(Uint8Array.of(1)))
  const block = (...extensions: Uint8Array[]) => explicit(3, sequence(...lab.leafExtensions().map(extensionDer), ...extensions))
  return [
    ['a byte after the certificate', { mutate: (der) => join(der, Uint8Array.of(0)) }],
    ['a byte missing at its end', { mutate: (der) => der.subarray(0, -1) }],
    ['cut in half', { mutate: (der) => der.subarray(0, der.length / 2) }],
    ['a length in three bytes where two do', { mutate: (der) => join(Uint8Array.of(0x30, 0x83, 0), der.subarray(2)) }],
    ['indefinite length', { mutate: (der) => join(Uint8Array.of(0x30, 0x80), inside(der), Uint8Array.of(0, 0)) }],
    ['a tag of several bytes', { mutate: (der) => join(Uint8Array.of(0x3f, 0x10), der.subarray(1)) }],
    ['a SET in place of the SEQUENCE', { mutate: (der) => join(Uint8Array.of(0x31), der.subarray(1)) }],
    ['a fourth member', { mutate: (der) => sequence(inside(der), integer(0)) }],
    ['version 1', { version: new Uint8Array() }],
    ['version 1 spelled out', { version: explicit(0, integer(0)) }],
    ['version 2', { version: explicit(0, integer(1)) }],
    ['version 4', { version: explicit(0, integer(3)) }],
    ['a version with a needless zero', { version: explicit(0, Uint8Array.of(2, 2, 0, 2)) }],
    ['a version with a byte more', { version: explicit(0, join(integer(2), integer(2))) }],
    ['serial number 0', { serialNumber: integer(0) }],
    ['a negative serial number', { serialNumber: Uint8Array.of(2, 1, 0x80) }],
    ['a serial number with a needless zero', { serialNumber: Uint8Array.of(2, 2, 0, 1) }],
    ['a serial number of 21 bytes', { serialNumber: tlv(2, new Uint8Array(21).fill(1)) }],
    ['a serial number without bytes', { serialNumber: Uint8Array.of(2, 0) }],
    ['UTCTime without seconds', { notBefore: utcTime('2611211100Z') }],
    ['UTCTime with an offset', { notBefore: utcTime('261121110000+0000') }],
    ['UTCTime without its Z', { notBefore: utcTime('2611211100000') }],
    ['UTCTime on 30 February', { notBefore: utcTime('260230110000Z') }],
    ['UTCTime at hour 24', { notBefore: utcTime('261120240000Z') }],
    ['UTCTime in the 60th second', { notBefore: utcTime('261121105960Z') }],
    ['GeneralizedTime before 2050', { notBefore: generalizedTime('20261121110000Z') }],
    ['GeneralizedTime with a fraction', { notAfter: generalizedTime('20510101000000.5Z') }],
    ['GeneralizedTime with an offset', { notAfter: generalizedTime('20510101000000+0000') }],
    ['a time as text', { notBefore: utf8String('261121110000Z') }],
    ['no end of validity', { notAfter: new Uint8Array() }],
    ['a third time in its validity', { notAfter: join(utcTime('270221110000Z'), utcTime('270221110000Z')) }],
    ['a signature with unused bits', { mutate: (der) => withUnusedBits(der) }],
    ['a list of extensions that is empty', { extensionBlock: explicit(3, sequence()) }],
    ['a second list of extensions', { appendix: explicit(3, sequence(unknown)) }],
    ['an issuer’s unique identifier', { extensionBlock: join(tlv(0x81, Uint8Array.of(0, 1)), block()) }],
    ['something after the extensions', { appendix: integer(0) }],
    [
      'an extension that is critical by 01',
      { extensionBlock: block(sequence(objectIdentifier('1.2.3.4'), Uint8Array.of(1, 1, 1), octetString(Uint8Array.of(1)))) },
    ],
    [
      'an extension that says it is not critical',
      { extensionBlock: block(sequence(objectIdentifier('1.2.3.4'), boolean(false), octetString(Uint8Array.of(1)))) },
    ],
    ['an extension without a value', { extensionBlock: block(sequence(objectIdentifier('1.2.3.4'))) }],
    [
      'an extension with two values',
      { extensionBlock: block(sequence(objectIdentifier('1.2.3.4'), octetString(Uint8Array.of(1)), octetString(Uint8Array.of(1)))) },
    ],
    [
      'an extension whose value is no OCTET STRING',
      { extensionBlock: block(sequence(objectIdentifier('1.2.3.4'), bitString(Uint8Array.of(1)))) },
    ],
    [
      'an extension whose value is constructed',
      { extensionBlock: block(sequence(objectIdentifier('1.2.3.4'), tlv(0x24, octetString(Uint8Array.of(1))))) },
    ],
    [
      'an object identifier with a needless byte',
      { extensionBlock: block(sequence(Uint8Array.of(6, 4, 0x2a, 0x80, 3, 4), octetString(Uint8Array.of(1)))) },
    ],
    [
      'an object identifier that ends too early',
      { extensionBlock: block(sequence(Uint8Array.of(6, 2, 0x2a, 0x83), octetString(Uint8Array.of(1)))) },
    ],
    ['an object identifier without bytes', { extensionBlock: block(sequence(Uint8Array.of(6, 0), octetString(Uint8Array.of(1)))) }],
    [
      '65 extensions',
      {
        extensionBlock: explicit(
          3,
          sequence(
            ...Array.from({ length: 65 }, (_, index) => sequence(objectIdentifier(`1.2.3.${index}`), octetString(Uint8Array.of(1)))),
          ),
        ),
      },
    ],
    ['a name whose part is empty', { subject: sequence(set()) }],
    [
      'a name with an attribute of three members',
      { subject: sequence(set(sequence(objectIdentifier('2.5.4.3'), utf8String('a'), utf8String('b')))) },
    ],
    ['a name that is not UTF-8', { subject: sequence(set(sequence(objectIdentifier('2.5.4.3'), tlv(0x0c, Uint8Array.of(0xc3, 0x28))))) }],
  ]
}

/** The signature is the last value, a BIT STRING; its first content byte says how many bits of the last are unused. */
function withUnusedBits(der: Uint8Array): Uint8Array {
  const own = Uint8Array.from(der)
  const length = own.length
  for (let at = length - 150; at < length - 60; at++) {
    if (own[at] === 0x03 && own[at + 2] === 0x00 && own[at + 3] === 0x30 && (own[at + 1] ?? 0) === length - at - 2) own[at + 2] = 1
  }
  return own
}
