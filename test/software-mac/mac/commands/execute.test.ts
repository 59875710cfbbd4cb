import { afterAll, describe, expect, test } from 'vitest'
import { contextsIn, runOn } from '../../testing/command-context.ts'
import { scratch } from '../../testing/processes.ts'
import { manufacture } from '../device.ts'
import { ServerAway } from '../http.ts'
import type { PlistDict } from '../plist/write.ts'
import type { CommandContext, Deed } from './command.ts'
import { execute } from './execute.ts'

const folder = scratch()
afterAll(() => folder.remove())
const contextWith = contextsIn(folder.path)
const run = (command: PlistDict, more: Partial<CommandContext> = {}) => runOn(contextWith(more), command)
const responses = (reply: PlistDict) => Object.keys((reply.QueryResponses ?? {}) as PlistDict)
const QUERIES = ['UDID', 'SerialNumber', 'HostName', 'DevicePropertiesAttestation', 'NoSuchQuery']

describe('access rights', () => {
  test.each([
    ['none for the device', 8191 - 16, ['UDID', 'HostName']],
    ['none for the network', 8191 - 32, ['UDID', 'SerialNumber', 'DevicePropertiesAttestation']],
    ['all', 8191, ['UDID', 'SerialNumber', 'HostName', 'DevicePropertiesAttestation']],
  ])('leave out of DeviceInformation what they do not cover, acknowledged all the same: %s', async (_, accessRights, expected) => {
    const reply = await run({ RequestType: 'DeviceInformation', Queries: QUERIES }, { accessRights })
    expect(reply.Status).toBe('Acknowledged')
    expect(responses(reply)).toEqual(expected)
  })

  test.each([
    ['SecurityInfo', 1024],
    ['ProfileList', 1],
    ['CertificateList', 1],
    ['InstalledApplicationList', 256],
  ])('of which one is missing make %s silent', async (type, right) => {
    const silent = await run({ RequestType: type }, { accessRights: 8191 - right })
    expect(silent).toEqual({ Status: 'Acknowledged', UDID: silent.UDID, CommandUUID: 'C' })
    expect(Object.keys(await run({ RequestType: type }))).toContain({ ProfileList: 'ProfileList' }[type] ?? type)
  })

  test('without installing refuse a profile', async () => {
    const reply = await run({ RequestType: 'InstallProfile', Payload: new Uint8Array() }, { accessRights: 8191 - 2 })
    expect(reply.Status).toBe('Error')
  })
})

test('acknowledges without the attestation when Apple cannot be reached', async () => {
  const attestor = { deviceProperties: () => Promise.reject(new ServerAway('no')), acmeKey: async () => [], extensionKey: async () => [] }
  const reply = await run({ RequestType: 'DeviceInformation', Queries: QUERIES }, { attestor })
  expect([reply.Status, responses(reply)]).toEqual(['Acknowledged', ['UDID', 'SerialNumber', 'HostName']])
})

test('hides its identity in a user enrollment', async () => {
  const device = { ...manufacture('ESPSIM000008'), isUserEnrollment: true }
  const reply = await run(
    { RequestType: 'DeviceInformation', Queries: ['SerialNumber', 'ProvisioningUDID', 'UDID'] },
    { device: () => device },
  )
  expect(responses(reply)).toEqual(['UDID'])
})

test('names the reduced security’s particulars only where it is reduced', async () => {
  const device = { ...manufacture('ESPSIM000009'), secureBoot: 'reduced' as const, kexts: true }
  const reply = await run({ RequestType: 'SecurityInfo' }, { device: () => device })
  expect((reply.SecurityInfo as PlistDict).SecureBoot).toEqual({
    SecureBootLevel: 'medium',
    ExternalBootLevel: 'disallowed',
    ReducedSecurity: [{ AllowsAnyAppleSignedOS: false, AllowsUserKextApproval: true, AllowsMDM: false }],
  })
  const full = await run({ RequestType: 'SecurityInfo' })
  expect((full.SecurityInfo as PlistDict).SecureBoot).toEqual({ SecureBootLevel: 'full', ExternalBootLevel: 'disallowed' })
})

describe('profiles', () => {
  test.each([
    ['what is no profile', Buffer.from('<plist version="1.0"><dict/></plist>')],
    ['a broken signature', Uint8Array.of(0x30, 3, 2, 1, 1)],
    ['nothing', new Uint8Array()],
  ])('are refused with an ErrorChain: %s', async (_, Payload) => {
    const reply = await run({ RequestType: 'InstallProfile', Payload })
    expect(reply.Status).toBe('Error')
    expect(reply.ErrorChain).toMatchObject([{ ErrorDomain: 'MCProfileErrorDomain' }])
  })

  test('that carry MDM are not installed on a Mac that never enrolled', async () => {
    const payload = (type: string, more: string) =>
      `<dict><key>PayloadType</key><string>${type}</string><key>PayloadUUID</key><string>U</string><key>PayloadIdentifier</key><string>i</string>${more}</dict>`
    const mdm = payload(
      'com.apple.mdm',
      '<key>IdentityCertificateUUID</key><string>X</string><key>Topic</key><string>t</string><key>ServerURL</key><string>https://a.example/</string><key>AccessRights</key><integer>1</integer>',
    )
    const profile = `<plist version="1.0">${payload('Configuration', `<key>PayloadVersion</key><integer>1</integer><key>PayloadContent</key><array>${mdm}</array>`)}</plist>`
    const reply = await run({ RequestType: 'InstallProfile', Payload: Buffer.from(profile) })
    expect(reply.ErrorChain).toMatchObject([{ LocalizedDescription: 'an MDM payload is installed by enrolling' }])
  })

  test('whose removal is the enrollment’s own end the enrollment', async () => {
    const deeds: Deed[] = []
    const context = contextWith({ later: (deed) => deeds.push(deed) })
    const PROFILE =
      '<plist version="1.0"><dict><key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key><integer>1</integer><key>PayloadIdentifier</key><string>the.enrollment</string><key>PayloadUUID</key><string>U</string><key>PayloadContent</key><array/></dict></plist>'
    await execute({ CommandUUID: 'C', Command: { RequestType: 'InstallProfile', Payload: Buffer.from(PROFILE) } }, context, false)
    const reply = await execute(
      { CommandUUID: 'C', Command: { RequestType: 'RemoveProfile', Identifier: 'the.enrollment' } },
      context,
      false,
    )
    expect([reply.Status, deeds]).toEqual(['Acknowledged', [{ kind: 'leave', reason: expect.any(String) }]])
  })
})

test('puts off even what it does not know while asleep', async () => {
  expect((await execute({ CommandUUID: 'C', Command: { RequestType: 'Nonsense' } }, contextWith(), true)).Status).toBe('NotNow')
})
