import { integer, octetString, printableString, sequence, tlv, utf8String } from '../../../software-mac/apple/der-writer.ts'
import { type Draft, refusedChain } from '../case.ts'
import { ascii, join, type Laboratory, OID, type Oid, utf8 } from '../laboratory.ts'

/** What Apple attests, each property said in every way in which it must not be understood. */
const CODE: Record<Exclude<Oid, 'basicConstraints' | 'keyUsage' | 'extendedKeyUsage'>, string> = {
  serial: 'SERIAL_MISSING',
  udid: 'UDID_MISSING',
  softwareUpdateDeviceId: 'PROPERTY_UNKNOWN',
  osVersion: 'OS_UNKNOWN',
  sepOsVersion: 'PROPERTY_UNKNOWN',
  llbVersion: 'PROPERTY_UNKNOWN',
  freshness: 'FRESHNESS_MISSING',
  sip: 'SIP_UNKNOWN',
  secureBoot: 'BOOT_UNKNOWN',
  kexts: 'KEXT_UNKNOWN',
}
type Property = keyof typeof CODE
const PROPERTIES = Object.keys(CODE) as Property[]

export const propertyCases = (lab: Laboratory): Draft[] => [
  ...PROPERTIES.flatMap((property) => absence(lab, property)),
  ...(['serial', 'udid'] as const).flatMap((property) => identifiers(lab, property)),
  ...(['softwareUpdateDeviceId', 'sepOsVersion', 'llbVersion'] as const).flatMap((property) => texts(lab, property)),
  ...versions(lab),
  ...(['sip', 'kexts'] as const).flatMap((property) => numbers(lab, property)),
  ...secureBoot(lab),
]

function absence(lab: Laboratory, property: Property): Draft[] {
  const own = lab.leafExtensions().find(({ oid }) => oid === OID[property])
  const extension = own ?? { oid: OID[property], value: new Uint8Array() }
  return [
    refusedChain(`${property}: left out`, CODE[property], lab.chain(lab.replaced(property))),
    refusedChain(`${property}: blank`, CODE[property], lab.chain(lab.value(property, new Uint8Array()))),
    refusedChain(`${property}: twice the same`, ['EXT_DUPLICATE', CODE[property]], lab.chain(lab.replaced(property, extension, extension))),
    refusedChain(`${property}: critical`, 'EXT_UNKNOWN_CRITICAL', lab.chain(lab.replaced(property, { ...extension, critical: true }))),
  ]
}

function identifiers(lab: Laboratory, property: 'serial' | 'udid'): Draft[] {
  const own = property === 'serial' ? '0HXK2Q9ABC' : '00006030-0001020304050607'
  const odd: [string, Uint8Array][] = [
    ['as a DER UTF8String', utf8String(own)],
    ['as a DER PrintableString', printableString(own)],
    ['as a DER OCTET STRING', octetString(ascii(own))],
    ['with a NUL at its end', ascii(`${own}\0`)],
    ['with a NUL inside', ascii(`${own.slice(0, 4)}\0${own.slice(4)}`)],
    ['with a space before it', ascii(` ${own}`)],
    ['with a space after it', ascii(`${own} `)],
    ['with a line end', ascii(`${own}\n`)],
    ['with a byte order mark', utf8(`\uFEFF${own}`)],
    ['in UTF-16', new Uint8Array(Buffer.from(own, 'utf16le'))],
    ['in full-width letters', utf8('ＡＢＣ')],
    ['of 65 characters', ascii('A'.repeat(65))],
    ['with an underscore', ascii(`${own}_1`)],
    ['with a slash', ascii(`${own}/..`)],
  ]
  return odd.map(([how, bytes]) => refusedChain(`${property}: ${how}`, CODE[property], lab.chain(lab.value(property, bytes))))
}

function texts(lab: Laboratory, property: 'softwareUpdateDeviceId' | 'sepOsVersion' | 'llbVersion'): Draft[] {
  const odd: [string, Uint8Array][] = [
    ['as a DER UTF8String', utf8String('J514sAP')],
    ['a space alone', ascii(' ')],
    ['with a space after it', ascii('J514sAP ')],
    ['with a NUL at its end', ascii('J514sAP\0')],
    ['with a line end', ascii('J514sAP\n')],
    ['beyond ASCII', utf8('J514sÄP')],
    ['of 129 characters', ascii('A'.repeat(129))],
  ]
  return odd.map(([how, bytes]) => refusedChain(`${property}: ${how}`, CODE[property], lab.chain(lab.value(property, bytes))))
}

function versions(lab: Laboratory): Draft[] {
  const odd = ['26.1 ', '26,1', '26.', '.1', 'v26.1', '26.1.2.3.4', '26.1b', '26..1', '-26', '26.10000', '２６.1', '0x1a', '26.1\0', '∞']
  const old = ['14.1', '14.1.9', '14', '13.6.7', '9.99', '0', '14.01']
  return [
    ...odd.map((text) => refusedChain(`osVersion: ${JSON.stringify(text)}`, 'OS_UNKNOWN', lab.chain(lab.value('osVersion', utf8(text))))),
    refusedChain('osVersion: as a DER UTF8String', 'OS_UNKNOWN', lab.chain(lab.value('osVersion', utf8String('26.1')))),
    ...old.map((text) => refusedChain(`osVersion: ${text} is too old`, 'OS_TOO_OLD', lab.chain(lab.value('osVersion', ascii(text))))),
  ]
}

function numbers(lab: Laboratory, property: 'sip' | 'kexts'): Draft[] {
  const bad = property === 'sip' ? 'SIP_DISABLED' : 'KEXT_ALLOWED'
  const odd: [string, Uint8Array][] = [
    ['a BOOLEAN that is false', Uint8Array.of(1, 1, 0)],
    ['a BOOLEAN that is true', Uint8Array.of(1, 1, 0xff)],
    ['an ENUMERATED', Uint8Array.of(10, 1, 0)],
    ['a raw zero byte', Uint8Array.of(0)],
    ['the digit 0', ascii('0')],
    ['a NULL', Uint8Array.of(5, 0)],
    ['an INTEGER without bytes', Uint8Array.of(2, 0)],
    ['an INTEGER with a needless zero', Uint8Array.of(2, 2, 0, 0)],
    ['an INTEGER with its length in two bytes', Uint8Array.of(2, 0x81, 1, 0)],
    ['an INTEGER of indefinite length', Uint8Array.of(2, 0x80, 0, 0, 0)],
    ['an INTEGER and a byte more', Uint8Array.of(2, 1, 0, 0)],
    ['two INTEGERs', Uint8Array.of(2, 1, 0, 2, 1, 0)],
    ['an INTEGER cut off', Uint8Array.of(2, 2, 0)],
    ['an INTEGER in a SEQUENCE', sequence(integer(0))],
    ['an INTEGER in an OCTET STRING', octetString(integer(0))],
    ['a constructed INTEGER', tlv(0x22, integer(0))],
    ['a tag of the context', Uint8Array.of(0x80, 1, 0)],
    ['minus one with a needless byte', Uint8Array.of(2, 2, 0xff, 0xff)],
  ]
  const numbersAboveZero: [string, Uint8Array][] = [
    ['1', integer(1)],
    ['2', integer(2)],
    ['119', integer(119)],
    ['128', integer(128)],
    ['256', integer(256)],
    ['2^64', integer(2n ** 64n)],
    ['minus one', Uint8Array.of(2, 1, 0xff)],
  ]
  return [
    ...odd.map(([how, bytes]) => refusedChain(`${property}: ${how}`, CODE[property], lab.chain(lab.value(property, bytes)))),
    ...numbersAboveZero.map(([what, bytes]) => refusedChain(`${property}: ${what}`, bad, lab.chain(lab.value(property, bytes)))),
  ]
}

function secureBoot(lab: Laboratory): Draft[] {
  const odd: [string, Uint8Array][] = [
    ['as a DER UTF8String', utf8String('Full Security')],
    ['as a DER INTEGER', integer(0)],
    ...[
      'full security',
      'FULL SECURITY',
      'Full  Security',
      'Full Security ',
      ' Full Security',
      'Full Security\n',
      'Full Security\0',
      'Full',
      'full',
      'medium',
    ].map((text): [string, Uint8Array] => [JSON.stringify(text), ascii(text)]),
    ['in UTF-16', new Uint8Array(Buffer.from('Full Security', 'utf16le'))],
    ['with a no-break space', utf8('Full\u00A0Security')],
    ['twice in one value', join(ascii('Full Security'), ascii('Full Security'))],
  ]
  return [
    ...odd.map(([how, bytes]) => refusedChain(`secureBoot: ${how}`, 'BOOT_UNKNOWN', lab.chain(lab.value('secureBoot', bytes)))),
    refusedChain('secureBoot: Reduced Security', 'BOOT_REDUCED', lab.chain(lab.value('secureBoot', ascii('Reduced Security')))),
    refusedChain('secureBoot: Permissive Security', 'BOOT_PERMISSIVE', lab.chain(lab.value('secureBoot', ascii('Permissive Security')))),
  ]
}
