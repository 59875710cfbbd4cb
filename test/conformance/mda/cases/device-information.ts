import { type PlistValue, plistDict } from '../../../../mdm/plist/value.ts'
import { writePlist } from '../../../../mdm/plist/write-plist.ts'
import { writeBinaryPlist } from '../../../../mdm/testing/write-binary-plist.ts'
import { type Draft, malformed, proven, refused, unsupported } from '../case.ts'
import { ascii, join, type Laboratory, SERIAL, UDID, utf8 } from '../laboratory.ts'

/** A DeviceInformation reply: a property list in which everything stands once, in the form that Apple writes. */
export function replyCases(lab: Laboratory): Draft[] {
  const chain = lab.chain()
  const reply = replyWith({ DevicePropertiesAttestation: chain })
  return [...shapes(chain), ...xml(writePlist(reply)), ...binary(writeBinaryPlist(reply)), ...identity(chain)]
}

/** Replies as Apple writes them, in both forms. */
export function soundReplies(lab: Laboratory): Draft[] {
  const reply = replyWith({ DevicePropertiesAttestation: lab.chain() })
  const withRoot = replyWith({ DevicePropertiesAttestation: [...lab.chain(), lab.root()] })
  return [
    proven('a DeviceInformation reply in XML', utf8(writePlist(reply)), '--serial', SERIAL),
    proven('a DeviceInformation reply in XML with the root', utf8(writePlist(withRoot))),
    proven('a DeviceInformation reply in binary', writeBinaryPlist(reply), '--serial', SERIAL),
  ]
}

const replyWith = (responses: Record<string, PlistValue>): PlistValue =>
  plistDict({
    Status: 'Acknowledged',
    UDID: '11111111-2222-3333-4444-555555555555',
    QueryResponses: plistDict({ SerialNumber: SERIAL, ProvisioningUDID: UDID, ...responses }),
  })

function shapes(chain: Uint8Array[]): Draft[] {
  const of = (value: PlistValue) => utf8(writePlist(value))
  const held = (value: PlistValue) => of(replyWith({ DevicePropertiesAttestation: value }))
  return [
    malformed('no QueryResponses', of(plistDict({ Status: 'Acknowledged' }))),
    malformed('QueryResponses is a list', of(plistDict({ QueryResponses: [] }))),
    malformed('the root is a list', of([plistDict({ QueryResponses: plistDict({}) })])),
    malformed('the root is a text', of('QueryResponses')),
    malformed('the attestation is one certificate', held(chain[0] ?? ascii(''))),
    malformed('the attestation is a text', held('AAAA')),
    malformed('the attestation is a dictionary', held(plistDict({ leaf: chain[0] ?? ascii('') }))),
    malformed('the attestation holds a text', held([chain[0] ?? ascii(''), 'AAAA'])),
    malformed('the attestation holds a list', held([chain])),
    unsupported('no attestation', of(replyWith({})), 'no_attestation'),
    unsupported('an attestation without certificates', held([]), 'no_attestation'),
    unsupported(
      'the attestation beside QueryResponses',
      of(plistDict({ DevicePropertiesAttestation: chain, QueryResponses: plistDict({ SerialNumber: SERIAL }) })),
      'no_attestation',
    ),
  ]
}

function xml(good: string): Draft[] {
  const change = (title: string, from: string | RegExp, to: string, error?: string) =>
    malformed(`XML: ${title}`, utf8(good.replace(from, to)), error)
  const doctype = /<!DOCTYPE[^>]*>/
  return [
    change('cut off', '</plist>', ''),
    change('a key twice', '<key>Status</key>', '<key>Status</key><string>Error</string><key>Status</key>'),
    change(
      'the attestation twice',
      '<key>DevicePropertiesAttestation</key>',
      '<key>DevicePropertiesAttestation</key><array/><key>DevicePropertiesAttestation</key>',
    ),
    change('QueryResponses twice', '<key>QueryResponses</key>', '<key>QueryResponses</key><dict/><key>QueryResponses</key>'),
    change(
      'the serial number twice',
      '<key>SerialNumber</key>',
      '<key>SerialNumber</key><string>OTHER00001</string><key>SerialNumber</key>',
    ),
    change('an internal subset', doctype, '<!DOCTYPE plist [<!ENTITY a "b">]>'),
    change('an entity of its own', '<string>Acknowledged</string>', '<string>&status;</string>'),
    change('an external entity', doctype, '<!DOCTYPE plist [<!ENTITY x SYSTEM "file:///etc/hostname">]>'),
    change('a comment in a value', `<string>${SERIAL}</string>`, `<string>${SERIAL}<!-- --></string>`),
    change('a comment between keys', '<key>Status</key>', '<!-- --><key>Status</key>'),
    change('CDATA', '<string>Acknowledged</string>', '<string><![CDATA[Acknowledged]]></string>'),
    change('an instruction', '<key>Status</key>', '<?php ?><key>Status</key>'),
    change('an attribute', '<string>Acknowledged</string>', '<string lang="en">Acknowledged</string>'),
    change('a name space', '<plist version="1.0">', '<plist version="1.0" xmlns="urn:x">'),
    change('another version', '<plist version="1.0">', '<plist version="2.0">'),
    change('something after the end', /$/, 'x'),
    change('a second property list', /$/, '<plist version="1.0"><dict/></plist>'),
    change('a second value', '</plist>', '<dict/></plist>'),
    change('an unknown element', '<string>Acknowledged</string>', '<text>Acknowledged</text>'),
    change('an element that is not closed', '</dict>', ''),
    change('elements that cross', '<string>Acknowledged</string>', '<string>Acknowledged</key>'),
    change('a value without a key', '<key>Status</key>', ''),
    change('a key without a value', '<string>Acknowledged</string>', ''),
    change('a NUL in a value', '<string>Acknowledged</string>', '<string>Acknow\0ledged</string>'),
    change('a reference to NUL', '<string>Acknowledged</string>', '<string>&#0;</string>'),
    change('a reference to half a character', '<string>Acknowledged</string>', '<string>&#xD800;</string>'),
    change('base64 without its padding', /<data>([^<]*?)=*<\/data>/, '<data>$1A</data>'),
    change('base64 with a stray letter', '<data>', '<data>*'),
    change('base64 of the other alphabet', '<data>', '<data>_-_-'),
    change('data with an element inside', '<data>', '<data><string/>'),
    change('an integer with a plus', '<string>Acknowledged</string>', '<integer>+1</integer>'),
    change('an integer beyond 64 bits', '<string>Acknowledged</string>', '<integer>18446744073709551616</integer>'),
    change('a hexadecimal integer', '<string>Acknowledged</string>', '<integer>0x10</integer>'),
    change('a date that does not exist', '<string>Acknowledged</string>', '<date>2026-02-30T00:00:00Z</date>'),
    change('forty lists, one in another', '<string>Acknowledged</string>', `${'<array>'.repeat(40)}${'</array>'.repeat(40)}`),
    malformed('XML: not UTF-8', join(utf8(good.slice(0, 200)), Uint8Array.of(0xc3, 0x28), utf8(good.slice(200)))),
    malformed('XML: a property list of JSON', ascii('<plist>{"QueryResponses":{}}</plist>')),
  ]
}

function binary(good: Uint8Array): Draft[] {
  const change = (title: string, edit: (bytes: Uint8Array, view: DataView) => void) => {
    const own = Uint8Array.from(good)
    edit(own, new DataView(own.buffer))
    return malformed(`binary: ${title}`, own)
  }
  const trailer = good.length - 32
  return [
    malformed('binary: cut off', good.subarray(0, -1)),
    malformed('binary: the first bytes alone', good.subarray(0, 8)),
    malformed('binary: a byte after it', join(good, Uint8Array.of(0))),
    change('no objects', (_, view) => view.setBigUint64(trailer + 8, 0n)),
    change('more objects than there are', (_, view) => view.setBigUint64(trailer + 8, 1000n)),
    change('a billion objects', (_, view) => view.setBigUint64(trailer + 8, 2n ** 30n)),
    change('a root that does not exist', (_, view) => view.setBigUint64(trailer + 16, 999n)),
    change('a table outside the file', (_, view) => view.setBigUint64(trailer + 24, 2n ** 40n)),
    change('offsets of no bytes', (bytes) => {
      bytes[trailer + 6] = 0
    }),
    change('references of nine bytes', (bytes) => {
      bytes[trailer + 7] = 9
    }),
    change('an object of an unknown kind', (bytes) => {
      bytes[8] = 0x70
    }),
    change('a root that contains itself', (bytes) => {
      // The root is a dictionary of three; the reference to its first value becomes one to itself.
      bytes[8 + 1 + 6] = 0
      bytes[8 + 1 + 7] = 0
    }),
  ]
}

/** The Mac that sent the reply must be the one that Apple names. */
function identity(chain: Uint8Array[]): Draft[] {
  const of = (responses: Record<string, PlistValue>) => utf8(writePlist(replyWith({ DevicePropertiesAttestation: chain, ...responses })))
  return [
    refused('another serial number than Apple names', 'SERIAL_MISMATCH', of({ SerialNumber: 'OTHER00001' })),
    refused('the serial number in small letters', 'SERIAL_MISMATCH', of({ SerialNumber: SERIAL.toLowerCase() })),
    refused('a serial number with a space', 'SERIAL_MISMATCH', of({ SerialNumber: `${SERIAL} ` })),
    refused(
      'another serial number, though the right one was asked for',
      'SERIAL_MISMATCH',
      of({ SerialNumber: 'OTHER00001' }),
      '--serial',
      SERIAL,
    ),
    refused('another UDID than Apple names', 'UDID_MISMATCH', of({ ProvisioningUDID: '00006030-FFFFFFFFFFFFFFFF' })),
    refused('the UDID of MDM in place of Apple’s', 'UDID_MISMATCH', of({ ProvisioningUDID: '11111111-2222-3333-4444-555555555555' })),
    refused(
      'another Mac altogether',
      ['SERIAL_MISMATCH', 'UDID_MISMATCH'],
      of({ SerialNumber: 'OTHER00001', ProvisioningUDID: '00006030-FFFFFFFFFFFFFFFF' }),
    ),
  ]
}
