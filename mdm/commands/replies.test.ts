import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type PlistDict, type PlistValue, plistDict } from '../plist/value.ts'
import { parseCertificateList } from './certificate-list.ts'
import { parseDeviceInformation } from './device-information.ts'
import { parseDeviceLock } from './device-lock.ts'
import { parseInstalledApplicationList } from './installed-application-list.ts'
import { parseProfileList } from './profile-list.ts'
import { parseRotateFileVaultKey } from './rotate-filevault-key.ts'
import { parseSecurityInfo } from './security-info.ts'
import { parseSettings } from './settings.ts'
import { parseVerifyRecoveryLock } from './verify-recovery-lock.ts'

const reply = (members: Record<string, PlistValue>) => ({ plist: plistDict({ Status: 'Acknowledged', ...members }) })
const der = Uint8Array.of(0x30, 0)

describe('CertificateList', () => {
  const certificate = plistDict({ CommonName: 'agent key', Data: der, IsIdentity: false, Unheard: 1n })

  test('gives each certificate as the Mac reports it', () => {
    expect(parseCertificateList(reply({ CertificateList: [certificate] }))).toEqual({
      certificates: [{ commonName: 'agent key', der, isIdentity: false }],
      faults: [],
    })
  })
  test.each<[string, PlistValue, string]>([
    ['text in place of data', plistDict({ CommonName: 'x', Data: 'MII' }), 'WRONG_TYPE CertificateList[0].Data'],
    ['no data', plistDict({ CommonName: 'x' }), 'MISSING CertificateList[0].Data'],
    ['too many bytes', plistDict({ Data: new Uint8Array(16 * 1024 + 1) }), 'TOO_LONG CertificateList[0].Data'],
    ['no dict', 'x', 'WRONG_TYPE CertificateList[0]'],
  ])('leaves out an entry with %s, keeps the others, and says why', (_, entry, fault) => {
    const parsed = parseCertificateList(reply({ CertificateList: [entry, certificate] }))
    expect(parsed).toMatchObject({ certificates: [{ commonName: 'agent key' }], faults: [fault] })
  })
  test('a list that is missing, or none, is a fault and no certificates', () => {
    expect(parseCertificateList(reply({}))).toEqual({ certificates: [], faults: ['MISSING CertificateList'] })
    expect(parseCertificateList(reply({ CertificateList: 'x' }))).toEqual({ certificates: [], faults: ['WRONG_TYPE CertificateList'] })
  })
  test('reads so many and no more', () => {
    const parsed = parseCertificateList(reply({ CertificateList: Array.from({ length: 600 }, () => certificate) }))
    expect([parsed.certificates.length, parsed.faults]).toEqual([512, ['TOO_MANY CertificateList']])
  })
  test('names the first faults only', () => {
    const parsed = parseCertificateList(reply({ CertificateList: Array.from({ length: 500 }, () => 'x') }))
    expect(parsed.faults).toHaveLength(16)
  })
})

test('ProfileList', () => {
  const payload = plistDict({ PayloadType: 'com.apple.mdm', PayloadIdentifier: 'p.mdm' })
  const profile = plistDict({ PayloadIdentifier: 'p', PayloadUUID: 'U', PayloadRemovalDisallowed: true, PayloadContent: [payload] })
  const parsed = parseProfileList(reply({ ProfileList: [profile, plistDict({ PayloadUUID: 'U' })] }))
  expect(parsed.profiles).toMatchObject([
    {
      identifier: 'p',
      uuid: 'U',
      isRemovalDisallowed: true,
      isEncrypted: false,
      payloads: [{ type: 'com.apple.mdm', identifier: 'p.mdm' }],
    },
  ])
  expect(parsed.faults).toEqual(['MISSING ProfileList[1].PayloadIdentifier'])
})

test('InstalledApplicationList', () => {
  const app = plistDict({ Identifier: 'dev.espalier.agent', Version: '1.2.3', ShortVersion: '1.2', BundleSize: 42n, Name: 7n })
  const parsed = parseInstalledApplicationList(reply({ InstalledApplicationList: [app, new Map()] }))
  expect(parsed.applications).toMatchObject([
    { identifier: 'dev.espalier.agent', version: '1.2.3', shortVersion: '1.2', bundleBytes: 42, name: undefined, isInstalling: false },
    { identifier: undefined },
  ])
  expect(parsed.faults).toEqual(['WRONG_TYPE InstalledApplicationList[0].Name'])
})

test('VerifyRecoveryLock: only a plain true is verified', () => {
  expect(parseVerifyRecoveryLock(reply({ PasswordVerified: true }))).toEqual({ isVerified: true, faults: [] })
  expect(parseVerifyRecoveryLock(reply({ PasswordVerified: false }))).toEqual({ isVerified: false, faults: [] })
  expect(parseVerifyRecoveryLock(reply({ PasswordVerified: 'true' }))).toEqual({
    isVerified: false,
    faults: ['WRONG_TYPE PasswordVerified'],
  })
  expect(parseVerifyRecoveryLock(reply({}))).toEqual({ isVerified: false, faults: ['MISSING PasswordVerified'] })
})

test('RotateFileVaultKey gives the encrypted key, or why there is none', () => {
  const result = (members: Record<string, PlistValue>) => reply({ RotateResult: plistDict(members) })
  expect(parseRotateFileVaultKey(result({ EncryptedNewRecoveryKey: der }))).toEqual({ encryptedRecoveryKey: der, faults: [] })
  expect(parseRotateFileVaultKey(result({})).faults).toEqual(['MISSING RotateResult.EncryptedNewRecoveryKey'])
  expect(parseRotateFileVaultKey(result({ EncryptedNewRecoveryKey: 'AAAA' })).faults).toEqual([
    'WRONG_TYPE RotateResult.EncryptedNewRecoveryKey',
  ])
  expect(parseRotateFileVaultKey(reply({})).faults).toEqual(['MISSING RotateResult'])
})

test('Settings are answered one by one', () => {
  const refused = plistDict({ Item: 'HostName', Status: 'Error', ErrorChain: [plistDict({ ErrorCode: 1n, ErrorDomain: 'D' })] })
  const parsed = parseSettings(reply({ Settings: [plistDict({ Item: 'DeviceName', Status: 'Acknowledged' }), refused, new Map()] }))
  expect(parsed.results).toEqual([
    { item: 'DeviceName', status: 'Acknowledged', errors: [] },
    { item: 'HostName', status: 'Error', errors: [{ code: 1, domain: 'D', description: '' }] },
  ])
  expect(parsed.faults).toEqual(['MISSING Settings[2].Status'])
})

test('DeviceLock says whether its message was shown', () => {
  expect(parseDeviceLock(reply({ MessageResult: 'Success' }))).toEqual({ messageResult: 'Success', faults: [] })
  expect(parseDeviceLock(reply({}))).toEqual({ messageResult: undefined, faults: [] })
})

test('DeviceInformation reads what was widened', () => {
  const options = plistDict({ BootstrapTokenAllowed: true, PromptUserToAllowBootstrapTokenForAuthentication: false })
  const responses = plistDict({ SerialNumber: 'C02AAA', EACSPreflight: 'success', TimeZone: 'Europe/Zurich', MDMOptions: options })
  expect(parseDeviceInformation(reply({ QueryResponses: responses })).facts).toMatchObject({
    erasePreflight: 'success',
    timeZone: 'Europe/Zurich',
    bootstrapTokenAllowed: true,
    promptsForBootstrapToken: false,
  })
})

const { value } = fc.letrec<{ value: PlistValue; dict: PlistDict }>((tie) => ({
  dict: fc.dictionary(anyKey(), tie('value'), { maxKeys: 6 }).map((members) => new Map(Object.entries(members))),
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ maxLength: 8 }),
    fc.boolean(),
    fc.bigInt(),
    fc.uint8Array({ maxLength: 4 }),
    fc.array(tie('value'), { maxLength: 4 }),
    tie('dict'),
  ),
}))

function anyKey() {
  const known = ['CertificateList', 'Data', 'ProfileList', 'PayloadIdentifier', 'PayloadUUID', 'PayloadContent', 'Settings', 'Status']
  const more = ['RotateResult', 'EncryptedNewRecoveryKey', 'QueryResponses', 'SecurityInfo', 'ErrorChain', 'InstalledApplicationList']
  return fc.constantFrom(...known, ...more, 'PasswordVerified', '__proto__', 'x')
}

test.each([
  parseCertificateList,
  parseDeviceInformation,
  parseDeviceLock,
  parseInstalledApplicationList,
  parseProfileList,
  parseRotateFileVaultKey,
  parseSecurityInfo,
  parseSettings,
  parseVerifyRecoveryLock,
])('no reply makes %o throw', (parse) => {
  fc.assert(
    fc.property(fc.dictionary(anyKey(), value, { maxKeys: 8 }), (members) => {
      expect(() => parse({ plist: new Map(Object.entries(members)) })).not.toThrow()
    }),
  )
})
