import { describe, expect, test } from 'vitest'
import { APPLE_ARC, type AttestationRequest, issueAttestation, property } from '../../test/software-mac/apple/authority.ts'
import { authority, facts, SERIAL, UDID } from '../../test/support/trust-evidence.ts'
import { parseCertificate } from './certificate.ts'
import { type AttestedProperties, readProperties } from './properties.ts'

function read(request: Partial<AttestationRequest> = {}): AttestedProperties {
  const parsed = parseCertificate(issueAttestation(authority, facts(request))[0])
  if (!parsed.ok) throw new Error(parsed.detail)
  return readProperties(parsed.certificate)
}
const replaced = (suffix: string, ...values: Uint8Array[]): Partial<AttestationRequest> => ({
  overrides: {
    extensions: (all) =>
      all.flatMap((one) => (one.oid === `${APPLE_ARC}.${suffix}` ? values.map((value) => property(suffix, value)) : [one])),
  },
})
const raw = (...values: number[]) => Uint8Array.from(values)
const ascii = (text: string) => new Uint8Array(Buffer.from(text))

test('reads every property of Apple’s table', () => {
  const properties = read()
  expect(Object.values(properties).every(({ state }) => state === 'known')).toBe(true)
  expect(properties).toMatchObject({
    serial: { value: SERIAL },
    udid: { value: UDID },
    softwareUpdateDeviceId: { value: 'J514sAP' },
    osVersion: { value: '15.5' },
    sip: { value: 'enabled' },
    secureBoot: { value: 'full' },
    kexts: { value: 'none' },
  })
})

test('does not take a serial number or UDID that begins with 0x30 for a SEQUENCE', () => {
  expect(SERIAL.charCodeAt(0)).toBe(0x30)
  expect(read().serial).toMatchObject({ state: 'known', value: SERIAL })
  expect(read().udid).toMatchObject({ state: 'known', value: UDID })
  expect(read({ serial: `0${String.fromCharCode(8)}` }).serial.state).toBe('malformed')
})

test('keeps a freshness code that looks like DER as it is', () => {
  const nonce = raw(0x04, 0x1e, ...new Array(30).fill(7))
  expect(read({ freshness: nonce }).freshness).toMatchObject({ state: 'known', value: nonce })
})

describe('what is not plainly said is unknown', () => {
  const suffixes = {
    serial: '9.1',
    udid: '9.2',
    osVersion: '10.1',
    sepOsVersion: '10.2',
    llbVersion: '10.3',
    freshness: '11.1',
    sip: '13.1',
    secureBoot: '13.2',
    kexts: '13.3',
  } as const

  test.each(Object.entries(suffixes) as [keyof AttestedProperties, string][])('%s: left out, blank, twice', (name, suffix) => {
    expect(read(replaced(suffix))[name].state).toBe('missing')
    expect(read(replaced(suffix, raw()))[name].state).toBe('blank')
    expect(read(replaced(suffix, raw(2, 1, 0), raw(2, 1, 0)))[name].state).toBe('duplicate')
  })

  test.each([
    ['a DER UTF8String', '9.1', 'serial', raw(0x0c, 4, 0x41, 0x42, 0x43, 0x44)],
    ['spaces only', '9.1', 'serial', ascii('   ')],
    ['a zero byte', '9.1', 'serial', raw(0x41, 0)],
    ['an accent', '9.2', 'udid', ascii('0000603é')],
    ['65 characters', '9.2', 'udid', ascii('A'.repeat(65))],
    ['a word', '10.1', 'osVersion', ascii('Sequoia')],
    ['a version with a space', '10.1', 'osVersion', ascii('15.5 ')],
    ['65 bytes', '11.1', 'freshness', new Uint8Array(65)],
    ['an ASCII zero', '13.1', 'sip', ascii('0')],
    ['a BOOLEAN', '13.1', 'sip', raw(1, 1, 0)],
    ['an ENUMERATED', '13.1', 'sip', raw(0x0a, 1, 0)],
    ['a bare zero byte', '13.1', 'sip', raw(0)],
    ['an INTEGER without bytes', '13.1', 'sip', raw(2, 0)],
    ['an INTEGER in two bytes', '13.1', 'sip', raw(2, 2, 0, 0)],
    ['an INTEGER and more', '13.1', 'sip', raw(2, 1, 0, 0)],
    ['a long length', '13.3', 'kexts', raw(2, 0x81, 1, 0)],
    ['another case', '13.2', 'secureBoot', ascii('full security')],
    ['a DER string', '13.2', 'secureBoot', raw(0x0c, 13, ...ascii('Full Security'))],
    ['a member of every object', '13.2', 'secureBoot', ascii('constructor')],
  ] as [string, string, keyof AttestedProperties, Uint8Array][])('%s in %s', (_, suffix, name, value) => {
    expect(read(replaced(suffix, value))[name].state).toBe('malformed')
  })
})

test('every number but zero means unprotected, negative ones included', () => {
  for (const value of [raw(2, 1, 1), raw(2, 1, 0x77), raw(2, 1, 0xff), raw(2, 2, 0, 0x80)]) {
    expect(read(replaced('13.1', value)).sip).toMatchObject({ state: 'known', value: 'disabled' })
    expect(read(replaced('13.3', value)).kexts).toMatchObject({ state: 'known', value: 'allowed' })
  }
})

test('a user enrollment names neither serial number nor UDID', () => {
  expect(read({ userEnrollment: true })).toMatchObject({ serial: { state: 'missing' }, udid: { state: 'missing' } })
})
