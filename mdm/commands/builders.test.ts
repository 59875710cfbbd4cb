import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ACCESS_RIGHTS, RIGHT_FOR } from '../enrollment/access-rights.ts'
import { parsePlistDict } from '../plist/parse-plist.ts'
import { arrayAt, dataAt, dictAt, type PlistDict, plistDict } from '../plist/value.ts'
import { writePlistBytes } from '../plist/write-plist.ts'
import { certificateList } from './certificate-list.ts'
import { declarativeManagement } from './declarative-management.ts'
import { deviceConfigured } from './device-configured.ts'
import { deviceInformation } from './device-information.ts'
import { deviceLock } from './device-lock.ts'
import { disableRemoteDesktop } from './disable-remote-desktop.ts'
import { enableRemoteDesktop } from './enable-remote-desktop.ts'
import { eraseDevice } from './erase-device.ts'
import { installEnterpriseApplication } from './install-enterprise-application.ts'
import { hashPackage, installManifest } from './install-manifest.ts'
import { installedApplicationList } from './installed-application-list.ts'
import { profileList } from './profile-list.ts'
import { restartDevice } from './restart-device.ts'
import { rotateFileVaultKey } from './rotate-filevault-key.ts'
import { setRecoveryLock } from './set-recovery-lock.ts'
import { settings } from './settings.ts'
import { shutDownDevice } from './shut-down-device.ts'
import { verifyRecoveryLock } from './verify-recovery-lock.ts'

const bytes = Uint8Array.of(1, 2, 3)
const hashes = { sizeBytes: 3, chunkBytes: 10, sha256s: ['ab'.repeat(32)] }
const manifest = { url: 'https://espalier.example/agent.pkg', hashes, bundleIdentifier: 'a.b', bundleVersion: '1', title: 'Agent' }
const tokens = { SyncTokens: { DeclarationsToken: 'T', Timestamp: '2026-11-02T09:00:00Z' } }

describe('every command', () => {
  test.each([
    [profileList(), 'ProfileList', { ManagedOnly: false }],
    [certificateList({ managedOnly: true }), 'CertificateList', { ManagedOnly: true }],
    [installedApplicationList({ identifiers: ['a.b'] }), 'InstalledApplicationList', { Identifiers: ['a.b'], ManagedAppsOnly: false }],
    [deviceLock({ pin: '123456', message: 'Lost' }), 'DeviceLock', { PIN: '123456', Message: 'Lost' }],
    [eraseDevice(), 'EraseDevice', { ObliterationBehavior: 'Default' }],
    [restartDevice({ notifiesUser: true }), 'RestartDevice', { NotifyUser: true }],
    [
      restartDevice({ kernelCache: { kextPaths: ['/Library/Extensions/x.kext'] } }),
      'RestartDevice',
      { NotifyUser: false, RebuildKernelCache: true, KextPaths: ['/Library/Extensions/x.kext'] },
    ],
    [shutDownDevice(), 'ShutDownDevice', {}],
    [
      setRecoveryLock({ newPassword: { password: 'new one' }, currentPassword: 'old' }),
      'SetRecoveryLock',
      { NewPassword: 'new one', CurrentPassword: 'old' },
    ],
    [setRecoveryLock({ newPassword: 'none', currentPassword: 'old' }), 'SetRecoveryLock', { NewPassword: '', CurrentPassword: 'old' }],
    [verifyRecoveryLock('old'), 'VerifyRecoveryLock', { Password: 'old' }],
    [
      rotateFileVaultKey({ unlockPassword: 'key', replyCertificate: bytes }),
      'RotateFileVaultKey',
      { KeyType: 'personal', FileVaultUnlock: plistDict({ Password: 'key' }), ReplyEncryptionCertificate: bytes },
    ],
    [enableRemoteDesktop(), 'EnableRemoteDesktop', {}],
    [disableRemoteDesktop(), 'DisableRemoteDesktop', {}],
    [settings([{ item: 'HostName', hostName: 'rack-1' }]), 'Settings', { Settings: [plistDict({ Item: 'HostName', HostName: 'rack-1' })] }],
    [deviceConfigured(), 'DeviceConfigured', {}],
    [declarativeManagement(tokens), 'DeclarativeManagement', { Data: new TextEncoder().encode(JSON.stringify(tokens)) }],
    [
      installEnterpriseApplication({ manifestUrl: 'https://x.example/m.plist', pinnedCertificates: [bytes], takesOver: true }),
      'InstallEnterpriseApplication',
      {
        ManifestURL: 'https://x.example/m.plist',
        ManifestURLPinningCerts: [bytes],
        InstallAsManaged: true,
        ManagementFlags: 1n,
        ChangeManagementState: 'Managed',
      },
    ],
  ])('%#: says exactly what Apple’s schema names, and a property list holds it', (command, requestType, members) => {
    expect(command.requestType).toBe(requestType)
    expect(Object.fromEntries(command.payload)).toEqual(members)
    expect(parsePlistDict(writePlistBytes(command.payload))).toEqual({ ok: true, value: command.payload })
  })

  test('needs no right that our profile does not ask for', () => {
    for (const right of Object.values(RIGHT_FOR)) expect(ACCESS_RIGHTS & right).toBe(right)
  })
})

describe('wrong arguments are our own mistake, told at once', () => {
  test.each<[string, () => unknown]>([
    ['a PIN of five digits', () => deviceLock({ pin: '12345' })],
    ['a PIN of letters', () => deviceLock({ pin: 'abcdef' })],
    ['a PIN in other digits', () => eraseDevice({ pin: '١٢٣٤٥٦' })],
    ['an empty message', () => deviceLock({ pin: '123456', message: '' })],
    ['an unknown way to erase', () => eraseDevice({ obliteration: 'Gently' as never })],
    ['an empty profile after erasing', () => eraseDevice({ returnToService: { mdmProfile: new Uint8Array() } })],
    ['a relative kernel extension', () => restartDevice({ kernelCache: { kextPaths: ['x.kext'] } })],
    ['an empty Recovery Lock password', () => setRecoveryLock({ newPassword: { password: '' } })],
    ['a Recovery Lock password that no keyboard types', () => verifyRecoveryLock('pässword')],
    ['no certificate for the reply', () => rotateFileVaultKey({ unlockPassword: 'x', replyCertificate: new Uint8Array() })],
    ['no FileVault password', () => rotateFileVaultKey({ unlockPassword: '', replyCertificate: bytes })],
    ['no identifiers at all', () => installedApplicationList({ identifiers: [] })],
    ['an identifier with a space', () => installedApplicationList({ identifiers: ['a b'] })],
    ['a manifest over http', () => installEnterpriseApplication({ manifestUrl: 'http://x.example/m.plist' })],
    ['a takeover that is not managed', () => installEnterpriseApplication({ manifest: new Map(), isManaged: false, takesOver: true })],
    ['a package over http', () => installManifest({ ...manifest, url: 'http://x.example/agent.pkg' })],
    ['hashes that end early', () => installManifest({ ...manifest, hashes: { ...hashes, sizeBytes: 11 } })],
    ['a hash that is none', () => installManifest({ ...manifest, hashes: { ...hashes, sha256s: ['AB'] } })],
    ['an empty host name', () => settings([{ item: 'HostName', hostName: '' }])],
    ['a time zone with a space', () => settings([{ item: 'TimeZone', timeZone: 'Europe/ Zurich' }])],
  ])('%s', (_, build) => expect(build).toThrow(TypeError))
})

test('EraseDevice carries Return to Service', () => {
  const { payload } = eraseDevice({ returnToService: { wifiProfile: bytes, mdmProfile: bytes, retriesEnrollment: true } })
  expect(dictAt(payload, 'ReturnToService')).toEqual(
    plistDict({ Enabled: true, WiFiProfileData: bytes, MDMProfileData: bytes, ShouldRetryEnrollment: true }),
  )
})

test('Settings words each item as Apple does', () => {
  const { payload } = settings([
    { item: 'DeviceName', deviceName: 'Rack 1' },
    { item: 'Bluetooth', isEnabled: false },
    { item: 'OrganizationInfo', name: 'Example AG' },
    { item: 'MDMOptions', bootstrapTokenAllowed: true },
    { item: 'TimeZone', timeZone: 'Europe/Zurich' },
  ])
  expect(arrayAt(payload, 'Settings')).toEqual([
    plistDict({ Item: 'DeviceName', DeviceName: 'Rack 1' }),
    plistDict({ Item: 'Bluetooth', Enabled: false }),
    plistDict({ Item: 'OrganizationInfo', OrganizationInfo: plistDict({ OrganizationName: 'Example AG' }) }),
    plistDict({ Item: 'MDMOptions', MDMOptions: plistDict({ BootstrapTokenAllowed: true }) }),
    plistDict({ Item: 'TimeZone', TimeZone: 'Europe/Zurich' }),
  ])
})

test('DeviceInformation asks for the whole list', () => {
  const queries = arrayAt(deviceInformation().payload, 'Queries')
  expect(queries).toEqual(expect.arrayContaining(['EACSPreflight', 'TimeZone', 'MDMOptions', 'LocalHostName', 'HasBattery']))
  expect(new Set(queries).size).toBe(queries?.length)
})

describe('the manifest of a package', () => {
  test('names the package, its size and the hash of each chunk, and nothing weaker than SHA-256', () => {
    const [item] = arrayAt(installManifest(manifest), 'items') as PlistDict[]
    const [asset] = arrayAt(item as PlistDict, 'assets') as PlistDict[]
    expect(Object.fromEntries(asset as PlistDict)).toEqual({
      kind: 'software-package',
      url: manifest.url,
      'sha256-size': 10n,
      sha256s: hashes.sha256s,
    })
    expect(Object.fromEntries(dictAt(item as PlistDict, 'metadata') ?? [])).toEqual({
      kind: 'software',
      'bundle-identifier': 'a.b',
      'bundle-version': '1',
      title: 'Agent',
      sizeInBytes: 3n,
    })
    const { payload } = installEnterpriseApplication({ manifest: installManifest(manifest) })
    expect(dictAt(payload, 'Manifest')).toEqual(installManifest(manifest))
    expect(dataAt(payload, 'ManifestURL')).toBeUndefined()
  })

  test('however a package arrives, its chunks are hashed the same', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 16 }),
        async (parts, size) => {
          const whole = Buffer.concat(parts)
          const expected: string[] = []
          for (let at = 0; at < whole.length; at += size)
            expected.push(
              createHash('sha256')
                .update(whole.subarray(at, at + size))
                .digest('hex'),
            )
          expect(await hashPackage(parts, size)).toEqual({ sizeBytes: whole.length, chunkBytes: size, sha256s: expected })
        },
      ),
    )
  })
})
