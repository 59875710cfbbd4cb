import { expect, test } from 'vitest'
import { arrayAt, type PlistDict } from '../plist/value.ts'
import { createMemoryPorts } from '../testing/memory-ports.ts'
import { createTestInstallation, PUBLIC_URL, TOPIC } from '../testing/test-installation.ts'
import { ACCESS_RIGHTS } from './access-rights.ts'
import { enrollmentProfile } from './profile.ts'

test('the rights are the 5395 of the reference', () => expect(ACCESS_RIGHTS).toBe(5395))

test('without a push certificate there is no profile, and the link stays good', async () => {
  const { deps, mdm, mac } = await createTestInstallation(createMemoryPorts())
  const { code } = await mdm.invite({ macId: 'mac-a', serial: 'C02AAA' })
  deps.topic = () => undefined
  expect(await mac('C02AAA').fetchProfile(code)).toEqual({ status: 503 })
  deps.topic = () => TOPIC
  expect(await mac('C02AAA').fetchProfile(code)).toHaveProperty('plist')
})

test('the profile asks for a hardware-bound, attested P-384 identity and for signed messages', async () => {
  const { deps } = await createTestInstallation(createMemoryPorts())
  const profile = enrollmentProfile(deps, { id: 'E-1', clientIdentifier: 'once', topic: TOPIC })
  const [acme, mdm] = arrayAt(profile, 'PayloadContent') as PlistDict[]
  expect(Object.fromEntries(acme ?? [])).toMatchObject({
    PayloadType: 'com.apple.security.acme',
    DirectoryURL: `${PUBLIC_URL}/acme/directory`,
    ClientIdentifier: 'once',
    KeyType: 'ECSECPrimeRandom',
    KeySize: 384n,
    HardwareBound: true,
    Attest: true,
    KeyIsExtractable: false,
    Subject: [[['CN', 'E-1']]],
  })
  expect(Object.fromEntries(mdm ?? [])).toMatchObject({
    PayloadType: 'com.apple.mdm',
    IdentityCertificateUUID: acme?.get('PayloadUUID'),
    Topic: TOPIC,
    ServerURL: `${PUBLIC_URL}/mdm/connect`,
    CheckInURL: `${PUBLIC_URL}/mdm/checkin`,
    SignMessage: true,
    AccessRights: 5395n,
    CheckOutWhenRemoved: true,
    UseDevelopmentAPNS: false,
  })
})
