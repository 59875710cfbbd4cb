import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import forge from 'node-forge'
import { afterAll, describe, expect, test } from 'vitest'
import { keyCertificate } from '../../../../agent/identity/key-certificate.ts'
import { contextsIn, runOn } from '../../testing/command-context.ts'
import { scratch } from '../../testing/processes.ts'
import type { PlistDict } from '../plist/write.ts'
import { readSystem, USER_PASSWORD } from '../system-state.ts'
import type { CommandContext, Deed } from './command.ts'

const folder = scratch()
afterAll(() => folder.remove())
const contextWith = contextsIn(folder.path)
const status = async (context: CommandContext, command: PlistDict) => (await runOn(context, command)).Status

describe('rights', () => {
  test.each([
    ['RestartDevice', 4, {}],
    ['ShutDownDevice', 4, {}],
    ['DeviceLock', 4, { PIN: '123456' }],
    ['EraseDevice', 8, {}],
    ['SetRecoveryLock', 4, { NewPassword: 'x' }],
    ['VerifyRecoveryLock', 4, { Password: 'x' }],
    ['RotateFileVaultKey', 4, { KeyType: 'personal', FileVaultUnlock: { Password: USER_PASSWORD } }],
    ['Settings', 2048, { Settings: [] }],
    ['InstallEnterpriseApplication', 4096, { ManifestURL: 'https://a.example/m.plist' }],
  ])('of which one is missing refuse %s, and nothing happens', async (RequestType, right, more) => {
    const deeds: Deed[] = []
    const later = (deed: Deed) => deeds.push(deed)
    const refused = contextWith({ accessRights: 8191 - right, later })
    const command = { RequestType, ...more } as PlistDict
    expect(await status(refused, command)).toBe('Error')
    expect(deeds).toEqual([])
    expect(await status(contextWith({ later }), command)).toBe('Acknowledged')
  })
})

describe('malformed', () => {
  test.each<[string, PlistDict]>([
    ['a lock without PIN', { RequestType: 'DeviceLock' }],
    ['a lock with five digits', { RequestType: 'DeviceLock', PIN: '12345' }],
    ['an erasure that nobody knows', { RequestType: 'EraseDevice', ObliterationBehavior: 'Perhaps' }],
    ['settings that are none', { RequestType: 'Settings', Settings: 'x' }],
    ['a recovery lock without password', { RequestType: 'SetRecoveryLock' }],
    ['a manifest without package', { RequestType: 'InstallEnterpriseApplication', Manifest: { items: [{ assets: [] }] } }],
    ['a manifest by plain HTTP', { RequestType: 'InstallEnterpriseApplication', ManifestURL: 'http://a.example/' }],
    ['tokens that are none', { RequestType: 'DeclarativeManagement', Data: Buffer.from('{}') }],
  ])('is %s', async (_, command) => {
    expect(await status(contextWith(), command)).toBe('CommandFormatError')
  })
})

test('Recovery Lock: set, verified, changed with its password alone, taken off', async () => {
  const context = contextWith()
  const isLocked = async () => ((await runOn(context, { RequestType: 'SecurityInfo' })).SecurityInfo as PlistDict).IsRecoveryLockEnabled
  const verified = async (Password: string) => (await runOn(context, { RequestType: 'VerifyRecoveryLock', Password })).PasswordVerified
  expect([await isLocked(), await verified('one')]).toEqual([false, false])
  await runOn(context, { RequestType: 'SetRecoveryLock', NewPassword: 'one' })
  expect([await isLocked(), await verified('one'), await verified('two')]).toEqual([true, true, false])
  expect(await status(context, { RequestType: 'SetRecoveryLock', NewPassword: 'two' })).toBe('Error')
  expect(await status(context, { RequestType: 'SetRecoveryLock', NewPassword: '', CurrentPassword: 'one' })).toBe('Acknowledged')
  expect(await isLocked()).toBe(false)
})

describe('the FileVault key', () => {
  const keys = forge.pki.rsa.generateKeyPair(1024)
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = keys.publicKey
  certificate.serialNumber = '01'
  certificate.validity.notAfter = new Date(Date.now() + 3600_000)
  certificate.setSubject([{ name: 'commonName', value: 'escrow' }])
  certificate.setIssuer([{ name: 'commonName', value: 'escrow' }])
  certificate.sign(keys.privateKey, forge.md.sha256.create())
  const der = Buffer.from(forge.asn1.toDer(forge.pki.certificateToAsn1(certificate)).getBytes(), 'latin1')
  const rotation = (Password: string): PlistDict => ({
    RequestType: 'RotateFileVaultKey',
    KeyType: 'personal',
    FileVaultUnlock: { Password },
    ReplyEncryptionCertificate: der,
  })

  test('is another after a rotation, and comes back encrypted to the certificate', async () => {
    const context = contextWith()
    const before = readSystem(context.directory).fileVaultRecoveryKey
    const reply = await runOn(context, rotation(USER_PASSWORD))
    const envelope = (reply.RotateResult as PlistDict).EncryptedNewRecoveryKey as Uint8Array
    const message = forge.pkcs7.messageFromAsn1(forge.asn1.fromDer(Buffer.from(envelope).toString('latin1')))
    const opened = message as forge.pkcs7.Captured<forge.pkcs7.PkcsEnvelopedData>
    const recipient = opened.findRecipient(certificate)
    if (recipient === null) throw new Error('for somebody else')
    opened.decrypt(recipient, keys.privateKey)
    const { fileVaultRecoveryKey } = readSystem(context.directory)
    expect(String(opened.content?.toString())).toBe(fileVaultRecoveryKey)
    expect(fileVaultRecoveryKey).not.toBe(before)
    expect(fileVaultRecoveryKey).toMatch(/^([A-Z2-9]{4}-){5}[A-Z2-9]{4}$/)
  })

  test('stays where the password does not unlock the volume', async () => {
    const context = contextWith()
    const before = readSystem(context.directory).fileVaultRecoveryKey
    expect(await status(context, rotation('guess'))).toBe('Error')
    expect(readSystem(context.directory).fileVaultRecoveryKey).toBe(before)
  })
})

test('each setting answers for itself, and what was set is told afterwards', async () => {
  const context = contextWith()
  const reply = await runOn(context, {
    RequestType: 'Settings',
    Settings: [
      { Item: 'DeviceName', DeviceName: 'Otto' },
      { Item: 'HostName', HostName: 'otto.local' },
      { Item: 'TimeZone', TimeZone: 'Europe/Zurich' },
      { Item: 'TimeZone', TimeZone: 'Europe/Atlantis' },
      { Item: 'MDMOptions', MDMOptions: { ActivationLockAllowedWhileSupervised: true } },
      { Item: 'OrganizationInfo', OrganizationInfo: { OrganizationName: 'ACME' } },
      { Item: 'Wallpaper' },
      { Item: 'Bluetooth', Enabled: 'yes' },
    ],
  })
  const outcomes = (reply.Settings as PlistDict[]).map(({ Status }) => Status)
  expect(outcomes).toEqual([
    'Acknowledged',
    'Acknowledged',
    'Acknowledged',
    'Error',
    'Acknowledged',
    'Acknowledged',
    'Error',
    'CommandFormatError',
  ])
  const Queries = ['DeviceName', 'HostName', 'TimeZone', 'MDMOptions', 'OrganizationInfo', 'EACSPreflight', 'SupplementalOSVersionExtra']
  const { QueryResponses } = await runOn(context, { RequestType: 'DeviceInformation', Queries })
  expect(QueryResponses).toEqual({
    DeviceName: 'Otto',
    HostName: 'otto.local',
    TimeZone: 'Europe/Zurich',
    MDMOptions: { ActivationLockAllowedWhileSupervised: true },
    OrganizationInfo: { OrganizationName: 'ACME' },
    EACSPreflight: 'success',
    SupplementalOSVersionExtra: '',
  })
})

test('remote desktop is switched on supervised Macs alone', async () => {
  const context = contextWith()
  const isOn = async () => ((await runOn(context, { RequestType: 'SecurityInfo' })).SecurityInfo as PlistDict).RemoteDesktopEnabled
  await runOn(context, { RequestType: 'EnableRemoteDesktop' })
  expect(await isOn()).toBe(true)
  await runOn(context, { RequestType: 'DisableRemoteDesktop' })
  expect(await isOn()).toBe(false)
  context.change({ isSupervised: false })
  expect(await status(context, { RequestType: 'EnableRemoteDesktop' })).toBe('Error')
})

describe('CertificateList', () => {
  async function withPublishedKey(more: Partial<CommandContext> = {}) {
    const context = contextWith(more)
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))
    const signer = {
      publicKey: spki,
      sign: async (message: Uint8Array) => new Uint8Array(sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
    }
    const certificate = await keyCertificate({ signer, commonName: 'espalier 00', now: Date.now() })
    mkdirSync(join(context.directory, 'system-keychain'), { recursive: true })
    writeFileSync(join(context.directory, 'system-keychain/published.der'), certificate)
    const list = async (ManagedOnly = false) =>
      (await runOn(context, { RequestType: 'CertificateList', ManagedOnly })).CertificateList as PlistDict[]
    return { spki, list, certificate }
  }

  test('reports what stands in the System keychain, unless only what is managed was asked for', async () => {
    const { list, certificate } = await withPublishedKey()
    expect(await list()).toEqual([{ CommonName: 'espalier 00', Data: certificate, IsIdentity: false }])
    expect(await list(true)).toEqual([])
  })

  test('of a Mac that lies leaves it out, or names another key', async () => {
    expect(await (await withPublishedKey({ misbehaviour: { certificateList: 'missing' } })).list()).toEqual([])
    const { list, spki } = await withPublishedKey({ misbehaviour: { certificateList: 'foreign' } })
    const [entry] = await list()
    expect(entry?.CommonName).toBe('espalier 00')
    const key = new X509Certificate(entry?.Data as Uint8Array).publicKey.export({ type: 'spki', format: 'der' })
    expect(new Uint8Array(key)).not.toEqual(spki)
  })
})

test('declarative management is on from its first command', async () => {
  const deeds: Deed[] = []
  const context = contextWith({ later: (deed) => deeds.push(deed) })
  const Data = Buffer.from('{"SyncTokens":{"DeclarationsToken":"t","Timestamp":"2026-11-21T12:00:00Z"}}')
  expect(await status(context, { RequestType: 'DeclarativeManagement', Data })).toBe('Acknowledged')
  expect(readdirSync(context.directory)).toContain('declarations.json')
  expect(deeds).toEqual([{ kind: 'declarations' }])
})
