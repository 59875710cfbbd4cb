import { createHash, KeyObject } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createScepCa } from '../../mdm/issuer.ts'
import { parsePlistDict } from '../../mdm/plist/parse-plist.ts'
import { arrayAt, dataAt, type PlistDict, plistDict, stringAt } from '../../mdm/plist/value.ts'
import { requestCertificate } from '../../mdm/testing/scep-client.ts'
import { createTestMac, readPlainProfile, readSignedProfile } from '../../mdm/testing/test-mac.ts'
import { issueAttestation } from '../../test/software-mac/apple/authority.ts'
import { encodeCbor } from '../../test/software-mac/mac/cbor.ts'
import { authority, facts } from '../../test/support/trust-evidence.ts'
import { findIdentityOrder } from '../store/enrollment-lookup.ts'
import { inviteMac } from './inventory.ts'
import { type FleetHouse, PUBLIC_URL, startFleetHouse, TOPIC } from './testing/fleet-house.ts'
import { enrollMac } from './testing/fleet-mac.ts'

let house: FleetHouse
beforeEach(async () => {
  house = await startFleetHouse()
})
afterEach(async () => house.close())

const by = { reason: 'the Mac was stolen', actor: 'user:u1' } as const
const audited = async (type: string) => house.store.auditEvent.findMany({ where: { type } })
const lastVerdict = () => house.told.filter(({ what }) => what === 'verdict').at(-1)

describe('revoking an identity', () => {
  test('ends a Mac’s trust and its channel at once, and is written down', async () => {
    const mac = await enrollMac(house, 'C02REVOK001')
    await mac.becomeTrusted()
    expect(lastVerdict()).toMatchObject({ verdict: { trust: 'trusted' } })
    expect(await house.fleet.reader.revokeIdentity({ mac: mac.id }, by)).toEqual({ revoked: 1 })
    expect(lastVerdict()).toMatchObject({ verdict: { trust: 'refused' } })
    expect(await mac.mdm.idle()).toMatchObject({ status: 401 })
    expect(await audited('identity.revoked')).toMatchObject([{ subject: mac.id, actor: by.actor, detail: { reason: by.reason } }])
    expect(await house.fleet.reader.revokeIdentity({ mac: mac.id }, by)).toEqual({ revoked: 0 })
    expect(await audited('identity.revoked')).toHaveLength(1)
  })

  test('can name the certificate alone', async () => {
    const mac = await enrollMac(house, 'C02REVOK002')
    const certificateSha256 = createHash('sha256')
      .update(mac.mdm.identity()?.certificate as Uint8Array)
      .digest()
    expect(await house.fleet.reader.revokeIdentity({ certificateSha256 }, by)).toEqual({ revoked: 1 })
    expect(await mac.mdm.idle()).toMatchObject({ status: 401 })
  })

  test.each(['whose code was given out', 'that was issued'] as const)('is not undone by a renewal %s before', async (stage) => {
    const mac = await enrollMac(house, 'C02REVOK003')
    await mac.becomeTrusted()
    await house.mdm.renewIdentity(mac.enrollmentId)
    const command = await mac.take()
    const profile = readSignedProfile(dataAt(command.command ?? new Map(), 'Payload') ?? new Uint8Array())
    const renewed = stage === 'that was issued' ? await mac.mdm.obtain(profile) : undefined
    const certificateSha256 = createHash('sha256')
      .update(mac.mdm.identity()?.certificate as Uint8Array)
      .digest()
    expect(await house.fleet.reader.revokeIdentity({ certificateSha256 }, by)).toEqual({ revoked: 1 })
    const identity = renewed ?? (await mac.mdm.obtain(profile).catch(() => undefined))
    if (identity !== undefined) mac.mdm.use(identity)
    expect(await mac.mdm.idle()).toMatchObject({ status: 401 })
    await mac.connect()
    expect(lastVerdict()).toMatchObject({ verdict: { trust: 'refused' } })
  })

  test('of nobody is said to be of nobody', async () => {
    await expect(house.fleet.reader.revokeIdentity({ certificateSha256: new Uint8Array(32) }, by)).rejects.toMatchObject({
      code: 'not_found',
    })
  })
})

describe('a profile for another MDM server', () => {
  test('is unsigned, for one Mac of the inventory, and written down', async () => {
    const { mac, profile } = await house.fleet.reader.exportExternalProfile({ serial: 'c02other001', by: 'user:u1' })
    const parsed = parsePlistDict(profile)
    const payloads = (parsed.ok ? arrayAt(parsed.value, 'PayloadContent') : []) as PlistDict[]
    expect(payloads.map((payload) => stringAt(payload, 'PayloadType'))).toEqual(['com.apple.security.acme'])
    expect(await house.store.mac.findUniqueOrThrow({ where: { serial: 'C02OTHER001' } })).toMatchObject({ id: mac })
    expect(await audited('mac.external-profile-exported')).toMatchObject([{ subject: mac }])
  })

  test('is given for no revoked Mac and for nothing that is no serial number', async () => {
    const { mac } = await house.fleet.reader.exportExternalProfile({ serial: 'C02OTHER002', by: 'user:u1' })
    await house.fleet.reader.revokeMac({ mac, by: 'user:u1' })
    await expect(house.fleet.reader.exportExternalProfile({ serial: 'C02OTHER002', by: 'user:u1' })).rejects.toMatchObject({
      code: 'conflict',
    })
    await expect(house.fleet.reader.exportExternalProfile({ serial: '../x', by: 'user:u1' })).rejects.toMatchObject({
      code: 'invalid_request',
    })
  })

  test('makes an attested Mac, which is not trusted before its agent’s key is attested, too', async () => {
    const serial = 'C02OTHER003'
    const { mac, profile } = await house.fleet.reader.exportExternalProfile({ serial, by: 'user:u1' })
    const attest = (spki: Uint8Array, token: string): Uint8Array => {
      const freshness = createHash('sha256').update(token).digest()
      const x5c = issueAttestation(authority, facts({ serial, now: house.clock.now(), leafPublicKeySpki: spki, freshness }))
      return encodeCbor({ fmt: 'apple', attStmt: { x5c } })
    }
    const external = createTestMac({ mdm: house.mdm, publicUrl: PUBLIC_URL, topic: TOPIC, attest }, serial)
    await external.obtainIdentity(readPlainProfile(profile))
    expect(await house.store.enrollment.findFirstOrThrow({ where: { macId: mac } })).toMatchObject({
      kind: 'external',
      state: 'acme_attested',
    })
    expect(await house.store.attestation.findMany({ where: { macId: mac } })).toMatchObject([{ source: 'acme' }])
    expect((await external.authenticate()).status).toBe(401)
    const shown = await house.fleet.reader.getMac(mac)
    expect(shown?.trust).not.toBe('trusted')
  })
})

describe('a Mac whose identity came by SCEP', () => {
  test('is managed, and can never be trusted for inference', async () => {
    const ca = await createScepCa({ organization: 'Example AG', now: house.clock.now() })
    const scep = { certificate: ca.certificate, privateKey: KeyObject.from(ca.privateKey) }
    await house.close()
    house = await startFleetHouse({ scep })
    const { mdm } = house
    const serial = 'C02SCEPMAC1'
    const { mac, url } = await inviteMac(house, { serial, actor: 'user:u1', identityKind: 'scep' })
    const managed = createTestMac({ mdm, publicUrl: PUBLIC_URL, topic: TOPIC }, serial)
    const given = await managed.fetchProfile(url.slice(`${PUBLIC_URL}/enroll/`.length))
    if (!('plist' in given)) throw new Error('no profile')
    const [payload] = arrayAt(given.plist, 'PayloadContent') as PlistDict[]
    const challenge = stringAt(payload?.get('PayloadContent') as PlistDict, 'Challenge')
    const { id: commonName } = await house.store.enrollment.findFirstOrThrow({ where: { macId: mac } })
    const { identity } = await requestCertificate(mdm, { commonName, challenge })
    if (identity === undefined) throw new Error('no identity')
    managed.use(identity)
    await managed.authenticate()
    await managed.tokenUpdate()
    const asked = await managed.idle()
    expect(asked).toMatchObject({ status: 200, requestType: 'DeviceInformation' })
    const facts_ = plistDict({ SerialNumber: serial, IsAppleSilicon: false })
    await managed.connect({ Status: 'Acknowledged', CommandUUID: asked.uuid, QueryResponses: facts_ })
    const { verdict } = (await house.fleet.reader.getMac(mac)) ?? {}
    expect(verdict).toMatchObject({ trust: 'refused', reasons: expect.arrayContaining(['NO_CHANNEL_ATTESTATION']) })
    expect(await findIdentityOrder(house.store, commonName)).toBeUndefined()
  })

  test('takes by its identity alone no trust from the enrollment that Apple attested', async () => {
    const ca = await createScepCa({ organization: 'Example AG', now: house.clock.now() })
    await house.close()
    house = await startFleetHouse({ scep: { certificate: ca.certificate, privateKey: KeyObject.from(ca.privateKey) } })
    const attested = await enrollMac(house, 'C02SCEPMAC3')
    await attested.becomeTrusted()
    house.clock.advance(1000)
    const { mac, url } = await inviteMac(house, { serial: attested.serial, actor: 'user:u1', identityKind: 'scep' })
    const stranger = createTestMac({ mdm: house.mdm, publicUrl: PUBLIC_URL, topic: TOPIC }, attested.serial)
    const given = await stranger.fetchProfile(url.slice(`${PUBLIC_URL}/enroll/`.length))
    if (!('plist' in given)) throw new Error('no profile')
    const [payload] = arrayAt(given.plist, 'PayloadContent') as PlistDict[]
    const challenge = stringAt(payload?.get('PayloadContent') as PlistDict, 'Challenge')
    const { id: commonName } = await house.store.enrollment.findFirstOrThrow({ where: { macId: mac, identityKind: 'scep' } })
    expect((await requestCertificate(house.mdm, { commonName, challenge })).identity).toBeDefined()
    await attested.connect()
    expect(await house.store.verdict.findFirst({ where: { macId: mac }, orderBy: { sequence: 'desc' } })).toMatchObject({
      trust: 'trusted',
    })
  })

  test('cannot be asked for while SCEP is off', async () => {
    const invitation = { serial: 'C02SCEPMAC2', actor: 'user:u1', identityKind: 'scep' } as const
    await expect(inviteMac(house, invitation)).rejects.toMatchObject({ code: 'conflict', param: 'identity' })
  })
})
