import { expect, test } from 'vitest'
import { createProfileSigner } from '../issuer.ts'
import { arrayAt, type PlistDict } from '../plist/value.ts'
import { createMemoryPorts } from '../testing/memory-ports.ts'
import { createTestInstallation, PUBLIC_URL, TOPIC } from '../testing/test-installation.ts'
import { ACCESS_RIGHTS } from './access-rights.ts'
import { enrollmentProfile } from './profile.ts'

test('the rights are those that our commands need, and no more', () => expect(ACCESS_RIGHTS).toBe(7455))

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
  const profile = enrollmentProfile(deps, {
    ...{ id: 'E-1', identityKind: 'acme', code: 'once', topic: TOPIC, accessRights: ACCESS_RIGHTS },
  })
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
    AccessRights: 7455n,
    CheckOutWhenRemoved: true,
    UseDevelopmentAPNS: false,
  })
})

test('the company’s own authorities come with the profile, as roots that the MDM payload does not pin', async () => {
  const { deps } = await createTestInstallation(createMemoryPorts())
  const anchor = Uint8Array.from([48, 3, 2, 1, 1])
  const about = { id: 'E-1', identityKind: 'acme', code: 'once', topic: TOPIC, accessRights: ACCESS_RIGHTS } as const
  const [, mdm, root] = arrayAt(enrollmentProfile(deps, { ...about, trustAnchors: [anchor] }), 'PayloadContent') as PlistDict[]
  expect(Object.fromEntries(root ?? [])).toMatchObject({ PayloadType: 'com.apple.security.root', PayloadContent: anchor })
  expect([...(mdm?.keys() ?? [])].filter((key) => key.includes('Pinning'))).toEqual([])
})

test('the company’s own certificate signs in the place of the installation’s, while there is one', async () => {
  const { deps, mdm } = await createTestInstallation(createMemoryPorts())
  const company = await createProfileSigner({ organization: 'Company IT', now: new Date() })
  const { code } = await mdm.invite({ macId: 'mac-a', serial: 'C02AAA' })
  deps.companySigner = async () => company
  const signers = async () => {
    const reply = await mdm.handleEnroll({ method: 'GET', path: `/enroll/${code}`, headers: {}, body: new Uint8Array() })
    const signed = Buffer.from(reply.body).toString('latin1')
    return ['Company IT', 'Example AG enrollment'].filter((name) => signed.includes(name))
  }
  expect(await signers()).toEqual(['Company IT'])
  deps.companySigner = async () => undefined
  expect(await signers()).toEqual(['Example AG enrollment'])
})
