import { encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { base64url, hex } from '#protocol/bytes'
import { attestationNonce } from '#protocol/statements'
import { plistDict } from '../../mdm/plist/value.ts'
import { writePlistBytes } from '../../mdm/plist/write-plist.ts'
import { certificatePem } from '../../test/software-mac/apple/authority.ts'
import { acmeChain, authority, DAY_MS, deviceChain, NOW, preimage, SERIAL, TOKEN, UDID } from '../../test/support/trust-evidence.ts'
import { type InspectOptions, inspectAttestation } from './inspect.ts'
import { APPLE_ANCHORS, createCustomAnchors } from './roots.ts'

const anchors = createCustomAnchors(authority.rootDer)
const text = (value: string) => new Uint8Array(Buffer.from(value))
const pem = (chain: Uint8Array[]) => text(chain.map(certificatePem).join(''))
const inspect = (bytes: Uint8Array, options: Partial<InspectOptions> = {}) => inspectAttestation(bytes, { at: NOW, anchors, ...options })
const codes = (...args: Parameters<typeof inspect>) => inspect(...args).reasons.map(({ code }) => code)

const acme = encode({ fmt: 'apple', attStmt: { x5c: acmeChain() } })
const reply = (change: Record<string, string | Uint8Array[] | undefined> = {}) =>
  writePlistBytes(
    plistDict({
      Status: 'Acknowledged',
      QueryResponses: plistDict({ SerialNumber: SERIAL, ProvisioningUDID: UDID, DevicePropertiesAttestation: deviceChain(), ...change }),
    }),
  )

describe('recognises', () => {
  test.each([
    ['a PEM chain', 'pem-chain', pem(deviceChain())],
    ['a PEM chain with text around it', 'pem-chain', text(`subject=x\n${Buffer.from(pem(deviceChain())).toString()}\nend\n`)],
    ['an attestation object', 'acme-attestation-object', acme],
    ['an attestation object in base64url', 'acme-attestation-object', text(`${base64url(acme)}\n`)],
    ['an attestation object in JSON', 'acme-attestation-object', text(JSON.stringify({ attObj: base64url(acme) }))],
    ['a DeviceInformation reply', 'device-information-reply', reply()],
  ])('%s, and proves it', (_, kind, bytes) => {
    expect(inspect(bytes)).toMatchObject({ verdict: 'proven', exitCode: 0, input: kind, reasons: [], error: null })
  })
})

test('lists certificates, every property raw and decoded, and the age without judging it', () => {
  const report = inspect(pem(deviceChain()), { at: new Date(NOW.getTime() + 60 * DAY_MS) })
  expect(report.exitCode).toBe(0)
  expect(report.certificates).toHaveLength(2)
  expect(report.properties).toHaveLength(10)
  expect(report.properties.find(({ name }) => name === 'sip')).toMatchObject({ raw: '020100', value: 'enabled' })
  expect(report.properties.find(({ name }) => name === 'freshness')).toMatchObject({ value: hex(attestationNonce(preimage())) })
  expect(report.age?.ageMs).toBeGreaterThan(59 * DAY_MS)
  expect(report.notChecked).toContain('age')
})

test('names what it could not check, without refusing for it', () => {
  expect(inspect(pem(deviceChain())).notChecked).toEqual(['nonce', 'serial', 'udid', 'key', 'age'])
  expect(inspect(reply(), { serial: SERIAL, nonce: attestationNonce(preimage()) })).toMatchObject({
    exitCode: 0,
    notChecked: ['key', 'age'],
  })
})

describe('checks that are asked for', () => {
  test('nonce', () => {
    expect(codes(pem(deviceChain()), { nonce: attestationNonce(preimage()) })).toEqual([])
    expect(codes(pem(deviceChain()), { nonce: new Uint8Array(32) })).toEqual(['FRESHNESS_MISMATCH'])
  })

  test('token, which is hashed', () => {
    expect(codes(acme, { token: TOKEN })).toEqual([])
    expect(codes(acme, { token: 'other' })).toEqual(['FRESHNESS_MISMATCH'])
    expect(codes(acme, { nonce: text(TOKEN) })).toEqual(['FRESHNESS_MISMATCH'])
  })

  test('serial', () => {
    expect(codes(acme, { serial: SERIAL })).toEqual([])
    expect(codes(acme, { serial: 'OTHER00001' })).toEqual(['SERIAL_MISMATCH'])
  })
})

describe('refuses', () => {
  test('a chain under another root', () => {
    expect(inspect(acme, { anchors: APPLE_ANCHORS })).toMatchObject({
      verdict: 'refused',
      exitCode: 10,
      reasons: [{ code: 'CHAIN_UNTRUSTED' }],
    })
  })

  test('a bad posture', () => {
    expect(codes(pem(deviceChain({ sip: 1, kexts: 2, secureBoot: 'Reduced Security' })))).toEqual([
      'SIP_DISABLED',
      'BOOT_REDUCED',
      'KEXT_ALLOWED',
    ])
  })

  test('a time outside the certificates’ lives', () => {
    expect(codes(acme, { at: new Date(NOW.getTime() + 365 * DAY_MS) })).toEqual(['CHAIN_EXPIRED'])
  })

  test('an anonymous attestation', () => {
    expect(codes(pem(deviceChain({ userEnrollment: true })))).toEqual(['SERIAL_MISSING', 'UDID_MISSING'])
  })

  test('a reply that names another Mac than Apple does', () => {
    expect(codes(reply({ SerialNumber: 'OTHER00001' }))).toEqual(['SERIAL_MISMATCH'])
    expect(codes(reply({ SerialNumber: 'OTHER00001' }), { serial: SERIAL })).toEqual(['SERIAL_MISMATCH'])
    expect(codes(reply({ ProvisioningUDID: '00006030-FFFFFFFFFFFFFFFF' }))).toEqual(['UDID_MISMATCH'])
  })
})

describe('cannot judge', () => {
  test('a reply without an attestation', () => {
    expect(inspect(reply({ DevicePropertiesAttestation: undefined }))).toMatchObject({ exitCode: 20, error: { code: 'no_attestation' } })
  })

  test('an attestation of another kind', () => {
    expect(inspect(encode({ fmt: 'tpm', attStmt: {} }))).toMatchObject({ exitCode: 20, error: { code: 'unsupported_format' } })
  })
})

test.each([
  ['an empty file', 'empty_input', new Uint8Array()],
  ['garbage', 'unknown_input', text('garbage here')],
  ['random bytes', 'unknown_input', new Uint8Array([1, 2, 3, 4])],
  ['broken PEM', 'malformed_input', text('-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----')],
  ['a PEM private key', 'malformed_input', text('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----')],
  ['PEM cut off', 'malformed_input', pem(deviceChain()).subarray(0, -40)],
  ['a truncated certificate in PEM', 'malformed_certificate', pem(deviceChain().map((der) => der.subarray(0, 200)))],
  ['JSON without attObj', 'malformed_input', text('{"att":1}')],
  ['JSON with attObj that is no base64url', 'malformed_input', text('{"attObj":"a+b="}')],
  ['broken CBOR', 'malformed_input', acme.subarray(0, 100)],
  ['a broken plist', 'malformed_input', reply().subarray(0, 300)],
  ['a plist of something else', 'malformed_input', writePlistBytes(plistDict({ a: 'b' }))],
  ['a broken binary plist', 'malformed_input', text('bplist00garbage')],
  ['two megabytes', 'input_too_large', new Uint8Array(2 * 1024 * 1024)],
])('%s is malformed, with a stable code', (_, code, bytes) => {
  expect(inspect(bytes)).toMatchObject({ verdict: 'malformed', exitCode: 30, error: { code } })
})

test('never throws, whatever the file', () => {
  const prefix = fc.constantFrom('', '{', '<?xml version="1.0"?><plist>', 'bplist00', '-----BEGIN CERTIFICATE-----\n', '\xa2', '0\x82')
  fc.assert(
    fc.property(prefix, fc.uint8Array({ maxLength: 300 }), (start, rest) => {
      return inspect(new Uint8Array(Buffer.concat([Buffer.from(start, 'latin1'), rest]))).exitCode > 0
    }),
    { numRuns: 500 },
  )
})

test('a report is plain JSON', () => {
  const report = inspect(acme)
  expect(JSON.parse(JSON.stringify(report))).toEqual(report)
})
