import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { scratchFolder } from '../../test/support/scratch-folder.ts'
import { plistDict } from '../plist/value.ts'
import { writePlistBytes } from '../plist/write-plist.ts'
import { APPLE_DEVICE_CA } from './apple-device-ca.ts'
import { openMachineInfo } from './machine-info.ts'

const folder = scratchFolder()
const at = (name: string): string => join(folder, name)
const openssl = (...args: string[]): Buffer => execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })

const INFO = plistDict({
  SERIAL: 'C02EXAMPLE01',
  UDID: '00008103-000A1B2C3D4E5F60',
  PRODUCT: 'Mac15,14',
  OS_VERSION: '26.1',
  VERSION: '25B78',
  LANGUAGE: 'en_US',
  SOFTWARE_UPDATE_DEVICE_ID: 'J614sAP',
  MDM_CAN_REQUEST_SOFTWARE_UPDATE: true,
})

/** An authority and a device as weak as Apple's: RSA-1024 and SHA-1. */
function makeAuthority(name: string): void {
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:1024',
    '-nodes',
    '-sha1',
    '-subj',
    '/CN=Device CA',
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.pem`,
    '-days',
    '1',
  )
  openssl(
    'req',
    '-newkey',
    'rsa:1024',
    '-nodes',
    '-sha1',
    '-subj',
    `/CN=device of ${name}`,
    '-keyout',
    `${name}-device.key`,
    '-out',
    `${name}-device.csr`,
  )
  openssl(
    'x509',
    '-req',
    '-sha1',
    '-in',
    `${name}-device.csr`,
    '-CA',
    `${name}.pem`,
    '-CAkey',
    `${name}.key`,
    '-CAcreateserial',
    '-out',
    `${name}-device.pem`,
    '-days',
    '1',
  )
}

function sign(content: Uint8Array, by: string, ...more: string[]): Uint8Array {
  writeFileSync(at('content'), content)
  const args = [
    '-sign',
    '-binary',
    '-nodetach',
    '-in',
    'content',
    '-signer',
    `${by}.pem`,
    '-inkey',
    `${by}.key`,
    '-outform',
    'DER',
    '-md',
    'sha1',
    ...more,
  ]
  return new Uint8Array(openssl('cms', ...args))
}

let anchors: readonly [X509Certificate]
beforeAll(() => {
  makeAuthority('apple')
  makeAuthority('namesake')
  anchors = [new X509Certificate(readFileSync(at('apple.pem')))]
})

const codeOf = (cms: Uint8Array): string => {
  const opened = openMachineInfo(cms, anchors)
  return opened.ok ? 'opened' : opened.code
}

test('Apple’s device authority is the published one', () => {
  expect(APPLE_DEVICE_CA.fingerprint256.replaceAll(':', '')).toBe('76F27D00E1333BC88DE0E2916C38C9A7F2B75774C25A794C092A80E3C4C66CCE')
})

test('reads what a Mac signs of itself', () => {
  expect(openMachineInfo(sign(writePlistBytes(INFO), 'apple-device'), anchors)).toEqual({
    ok: true,
    info: {
      serial: 'C02EXAMPLE01',
      udid: '00008103-000A1B2C3D4E5F60',
      product: 'Mac15,14',
      osVersion: '26.1',
      buildVersion: '25B78',
      language: 'en_US',
      softwareUpdateDeviceId: 'J614sAP',
      canRequestSoftwareUpdate: true,
    },
  })
})

test('reads BER with its content in pieces, and a signature without attributes', () => {
  expect(codeOf(sign(writePlistBytes(INFO), 'apple-device', '-stream'))).toBe('opened')
  expect(codeOf(sign(writePlistBytes(INFO), 'apple-device', '-noattr'))).toBe('opened')
})

describe('refuses', () => {
  test('a device of an authority that only shares the name', () => {
    expect(codeOf(sign(writePlistBytes(INFO), 'namesake-device'))).toBe('NOT_A_DEVICE')
  })
  test('an authority that signs itself', () => {
    expect(codeOf(sign(writePlistBytes(INFO), 'namesake'))).toBe('NOT_A_DEVICE')
  })
  test('a content that was changed after signing', () => {
    const cms = sign(writePlistBytes(INFO), 'apple-device')
    const position = Buffer.from(cms).indexOf('C02EXAMPLE01')
    cms[position] = 'D'.charCodeAt(0)
    expect(codeOf(cms)).toBe('CMS_SIGNATURE_INVALID')
  })
  test('the same change where no attributes are signed', () => {
    const cms = sign(writePlistBytes(INFO), 'apple-device', '-noattr')
    cms[Buffer.from(cms).indexOf('C02EXAMPLE01')] = 'D'.charCodeAt(0)
    expect(codeOf(cms)).toBe('CMS_SIGNATURE_INVALID')
  })
  test('a detached signature, which says nothing', () => {
    writeFileSync(at('content'), writePlistBytes(INFO))
    const cms = openssl(
      'cms',
      '-sign',
      '-binary',
      '-in',
      'content',
      '-signer',
      'apple-device.pem',
      '-inkey',
      'apple-device.key',
      '-outform',
      'DER',
    )
    expect(codeOf(new Uint8Array(cms))).toBe('CMS_MALFORMED')
  })
  test('two signers', () => {
    const both = sign(writePlistBytes(INFO), 'apple-device', '-signer', 'namesake-device.pem', '-inkey', 'namesake-device.key')
    expect(codeOf(both)).toBe('CMS_SIGNER_COUNT')
  })
  test('a plist without serial number, without UDID, and no plist', () => {
    const without = (key: string) => writePlistBytes(new Map([...INFO].filter(([name]) => name !== key)))
    expect(codeOf(sign(without('SERIAL'), 'apple-device'))).toBe('MACHINE_INFO_MALFORMED')
    expect(codeOf(sign(without('UDID'), 'apple-device'))).toBe('MACHINE_INFO_MALFORMED')
    expect(codeOf(sign(Buffer.from('hello'), 'apple-device'))).toBe('MACHINE_INFO_MALFORMED')
  })
  test('leftovers, nothing, and a flood', () => {
    const cms = sign(writePlistBytes(INFO), 'apple-device')
    expect(codeOf(Uint8Array.from([...cms, 0]))).toBe('CMS_MALFORMED')
    expect(codeOf(new Uint8Array())).toBe('CMS_MALFORMED')
    expect(codeOf(new Uint8Array(64 * 1024).fill(0x30))).toBe('CMS_MALFORMED')
  })
})
