import { describe, expect, test } from 'vitest'
import { arrayAt, dataAt, type PlistValue, plistDict } from '../plist/value.ts'
import { deviceInformation, parseDeviceInformation } from './device-information.ts'
import { installProfile } from './install-profile.ts'
import { removeProfile } from './remove-profile.ts'
import { parseSecurityInfo, securityInfo } from './security-info.ts'

describe('DeviceInformation', () => {
  test('asks for an attestation only with a nonce, and always for the names that it must agree with', () => {
    const without = deviceInformation()
    expect(arrayAt(without.payload, 'Queries')).not.toContain('DevicePropertiesAttestation')
    const nonce = new Uint8Array(32).fill(3)
    const asked = deviceInformation({ queries: ['OSVersion'], attestationNonce: nonce })
    expect(arrayAt(asked.payload, 'Queries')).toEqual(['SerialNumber', 'ProvisioningUDID', 'OSVersion', 'DevicePropertiesAttestation'])
    expect(dataAt(asked.payload, 'DeviceAttestationNonce')).toEqual(nonce)
    expect(() => deviceInformation({ attestationNonce: new Uint8Array(33) })).toThrow(TypeError)
    expect(() => deviceInformation({ attestationNonce: new Uint8Array() })).toThrow(TypeError)
  })

  const parse = (responses: Record<string, PlistValue>) =>
    parseDeviceInformation({ plist: plistDict({ QueryResponses: plistDict(responses) }) })

  test('reads facts and the chain', () => {
    const chain = [Uint8Array.of(1), Uint8Array.of(2)]
    const reply = parse({
      SerialNumber: 'C02AAA',
      ProvisioningUDID: '00006030-00',
      IsAppleSilicon: true,
      DevicePropertiesAttestation: chain,
    })
    expect(reply).toMatchObject({
      facts: { serialNumber: 'C02AAA', provisioningUdid: '00006030-00', isAppleSilicon: true },
      attestation: chain,
      faults: [],
    })
  })
  test('tells missing rights from a missing attestation', () => {
    expect(parse({ UDID: 'x' })).toMatchObject({ faults: ['RIGHTS_INSUFFICIENT'], attestation: undefined })
    expect(parse({ SerialNumber: 'C02AAA' })).toMatchObject({ faults: [], attestation: undefined })
    expect(parseDeviceInformation({ plist: new Map() }).faults).toEqual(['RESPONSES_MISSING'])
  })
  test.each([
    ['text', 'MII'],
    ['an empty list', []],
    ['a list with text in it', [Uint8Array.of(1), 'x']],
  ])('refuses %s as a chain', (_, stated) => {
    expect(parse({ SerialNumber: 'C02AAA', DevicePropertiesAttestation: stated })).toMatchObject({
      attestation: undefined,
      faults: ['ATTESTATION_MALFORMED'],
    })
  })
})

describe('SecurityInfo', () => {
  test('has no keys, and is read into a report', () => {
    expect(securityInfo().payload.size).toBe(0)
    const info = plistDict({
      FDE_Enabled: true,
      SystemIntegrityProtectionEnabled: true,
      RemoteDesktopEnabled: false,
      SecureBoot: plistDict({
        SecureBootLevel: 'medium',
        ExternalBootLevel: 'disallowed',
        ReducedSecurity: [plistDict({ AllowsMDM: true })],
      }),
      ManagementStatus: plistDict({ EnrolledViaDEP: true, IsUserEnrollment: false }),
    })
    const parsed = parseSecurityInfo({ plist: plistDict({ SecurityInfo: info }) })
    if (!parsed.ok) throw new Error(parsed.fault)
    expect(parsed.report).toMatchObject({
      fileVaultEnabled: true,
      systemIntegrityProtectionEnabled: true,
      remoteDesktopEnabled: false,
      authenticatedRootVolumeEnabled: null,
      secureBoot: { level: 'medium', externalBoot: 'disallowed', reduced: { allowsMDM: true, allowsUserKextApproval: null } },
      management: { enrolledViaDep: true, isUserEnrollment: false, userApprovedEnrollment: null },
    })
    expect(JSON.parse(JSON.stringify(parsed.report))).toEqual(parsed.report)
  })
  test('a report that is missing means missing rights', () => {
    expect(parseSecurityInfo({ plist: new Map() })).toEqual({ ok: false, fault: 'RIGHTS_INSUFFICIENT' })
    expect(parseSecurityInfo({ plist: plistDict({ SecurityInfo: new Map() }) })).toEqual({ ok: false, fault: 'RIGHTS_INSUFFICIENT' })
  })
})

test('InstallProfile carries the profile’s bytes, RemoveProfile its identifier', () => {
  expect(dataAt(installProfile(Uint8Array.of(1)).payload, 'Payload')).toEqual(Uint8Array.of(1))
  expect(new TextDecoder().decode(dataAt(installProfile(plistDict({ PayloadType: 'Configuration' })).payload, 'Payload'))).toContain(
    'Configuration',
  )
  expect(removeProfile('a.b').payload).toEqual(plistDict({ Identifier: 'a.b' }))
})
