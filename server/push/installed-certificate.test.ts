import { createPrivateKey, X509Certificate } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { createPushAuthority, OTHER_TOPIC, type PushPairOptions, TOPIC } from '../../test/support/push-certificates.ts'
import { createSecretBox } from '../secrets.ts'
import { insertWrappedKey } from '../store/wrapped-keys.ts'
import { type PushCertificate, readPushCertificate } from './certificate.ts'
import { findInstalledPushCertificate, installPushCertificate } from './installed-certificate.ts'

const NOW = new Date('2026-11-02T09:00:00Z')
const clock = { now: () => NOW }
const secrets = createSecretBox('the first secret of thirty-two characters')
const otherSecrets = createSecretBox('another secret of thirty-two characters')
const authority = createPushAuthority()

let database: TestDatabase
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.drop())

const pair = (options: PushPairOptions = {}): PushCertificate => readPushCertificate(authority.issue(options).pem, { now: new Date() })
const install = (certificate: PushCertificate, box = secrets) =>
  installPushCertificate({ store: database.store, secrets: box, clock }, certificate)
const find = () => findInstalledPushCertificate({ store: database.store, secrets })
const audited = () => database.store.auditEvent.findMany({ where: { type: 'push-certificate.installed' } })

async function addMac(
  serial: string,
  state: 'enrolled' | 'authenticated' | 'unenrolled' | 'profile_issued',
  topic: string | null,
): Promise<void> {
  await database.store.mac.create({ data: { id: serial, serial, addedAt: NOW } })
  const times = { linkExpiresAt: NOW, createdAt: NOW }
  await database.store.enrollment.create({ data: { id: serial, macId: serial, state, linkHash: Buffer.from(serial), topic, ...times } })
}

describe('installing a push certificate', () => {
  test('keeps its key sealed, and gives both back as they were', async () => {
    const certificate = pair()
    expect(await find()).toBeUndefined()
    expect(await install(certificate)).toEqual({ replaced: null, macsLost: 0 })
    const row = await database.store.wrappedKey.findUniqueOrThrow({ where: { name: 'push' } })
    expect(Buffer.from(row.public ?? []).equals(certificate.certificate)).toBe(true)
    expect(Buffer.from(row.envelope).includes(Buffer.from(certificate.pkcs8).subarray(-64))).toBe(false)
    const { topic, sha256, notAfter } = certificate
    const found = await find()
    expect(found).toMatchObject({ topic, sha256, notAfter, installedAt: NOW })
    expect(new X509Certificate(found?.certificatePem ?? '').checkPrivateKey(createPrivateKey(found?.keyPem ?? ''))).toBe(true)
  })

  test('is in the audit trail, with what it replaced', async () => {
    const [first, renewal] = [pair(), pair({ commonName: 'renewed' })]
    await install(first)
    expect(await install(renewal)).toEqual({ replaced: first.sha256, macsLost: 0 })
    const details = (await audited()).map(({ actor, subject, detail }) => ({ actor, subject, detail }))
    const detailOf = ({ topic, sha256, notAfter }: PushCertificate) => ({ topic, sha256, expiresAt: notAfter.toISOString() })
    expect(details).toHaveLength(2)
    expect(details).toEqual(
      expect.arrayContaining([
        { actor: 'system', subject: 'key:push', detail: { ...detailOf(first), replaced: null } },
        { actor: 'system', subject: 'key:push', detail: { ...detailOf(renewal), replaced: first.sha256 } },
      ]),
    )
  })

  test('with the same topic renews it, however many Macs are enrolled', async () => {
    await install(pair())
    await addMac('C02AAA', 'enrolled', TOPIC)
    const renewal = pair({ commonName: 'renewed' })
    await install(renewal)
    expect((await find())?.sha256).toBe(renewal.sha256)
  })

  test('with another topic is refused with the number of Macs that would be lost, and changes nothing', async () => {
    const first = pair()
    await install(first)
    await addMac('C02AAA', 'enrolled', TOPIC)
    await addMac('C02BBB', 'authenticated', TOPIC)
    await addMac('C02CCC', 'unenrolled', TOPIC)
    await addMac('C02DDD', 'profile_issued', null)
    const refusal = { code: 'other_topic', kind: 'refused', message: expect.stringContaining('2 enrolled Macs answer to the old one') }
    await expect(install(pair({ topic: OTHER_TOPIC }))).rejects.toMatchObject(refusal)
    expect((await find())?.sha256).toBe(first.sha256)
    expect(await audited()).toHaveLength(1)
  })

  test('with another topic than Macs are enrolled under is refused even where none is installed', async () => {
    await addMac('C02AAA', 'enrolled', TOPIC)
    await expect(install(pair({ topic: OTHER_TOPIC }))).rejects.toMatchObject({
      code: 'other_topic',
      message: expect.stringContaining('1 enrolled Mac answers'),
    })
    await install(pair())
  })

  test('with another topic is done once somebody confirms the very number of Macs that is lost at that moment', async () => {
    await install(pair())
    for (const serial of ['C02AAA', 'C02BBB']) await addMac(serial, 'enrolled', TOPIC)
    const other = pair({ topic: OTHER_TOPIC })
    const confirming = (losingMacs: number) =>
      installPushCertificate({ store: database.store, secrets, clock }, other, { actor: 'user:usr_1', losingMacs })
    for (const wrong of [0, 1, 3]) await expect(confirming(wrong)).rejects.toMatchObject({ code: 'wrong_confirmation', macsLost: 2 })
    expect((await find())?.topic).toBe(TOPIC)
    expect(await confirming(2)).toMatchObject({ macsLost: 2 })
    expect((await find())?.topic).toBe(OTHER_TOPIC)
    const changed = await database.store.auditEvent.findMany({ where: { type: 'push-certificate.topic-changed' } })
    expect(changed).toMatchObject([{ actor: 'user:usr_1', detail: { topic: OTHER_TOPIC, macsLost: 2 } }])
  })

  test('a confirmation given for nothing loses nothing', async () => {
    await install(pair())
    await addMac('C02AAA', 'enrolled', TOPIC)
    const renewal = pair({ commonName: 'renewed' })
    expect(await installPushCertificate({ store: database.store, secrets, clock }, renewal, { losingMacs: 1 })).toMatchObject({
      macsLost: 0,
    })
  })

  test('with another topic replaces it while no Mac is enrolled', async () => {
    await install(pair())
    await addMac('C02CCC', 'unenrolled', TOPIC)
    await install(pair({ topic: OTHER_TOPIC }))
    expect((await find())?.topic).toBe(OTHER_TOPIC)
  })

  test('under another secret than the appliance’s is refused, and stores nothing', async () => {
    const envelope = secrets.seal('key:device-ca', Uint8Array.of(1))
    await insertWrappedKey(database.store, { name: 'device-ca', envelope, public: null, createdAt: NOW })
    await expect(install(pair(), otherSecrets)).rejects.toMatchObject({ name: 'SealedWithOtherSecret' })
    expect(await find()).toBeUndefined()
    await install(pair())
  })

  test('leaves nothing behind when the audit row cannot be written', async () => {
    await database.store.$executeRaw`ALTER TABLE "AuditEvent" ADD CONSTRAINT none_more CHECK (type = 'never')`
    await expect(install(pair())).rejects.toThrow()
    expect(await find()).toBeUndefined()
  })
})
