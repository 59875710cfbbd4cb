import { createPublicKey } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { exportPrivateKey } from '../mdm/issuer.ts'
import { type TestDatabase, testDatabase } from '../test/support/postgres.ts'
import { loadInstallationKeys } from './installation-keys.ts'
import { createSecretBox } from './secrets.ts'

const SECRET = 'a secret of thirty-two characters'
const clock = { now: () => new Date('2026-11-21T12:00:00Z') }
let database: TestDatabase
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.drop())

const load = (secret = SECRET, previous: string[] = []) =>
  loadInstallationKeys({ store: database.store, secrets: createSecretBox(secret, previous), clock, organization: 'Example AG' })
const shownHalves = async (keys: Awaited<ReturnType<typeof load>>) => ({
  ...{ ca: Buffer.from(keys.deviceCa.certificate).toString('hex'), signer: Buffer.from(keys.profileSigner.certificate).toString('hex') },
  ...{ log: keys.logKeyPublicPem, session: keys.sessionSecret },
})
const rows = () => database.store.wrappedKey.findMany({ orderBy: { name: 'asc' } })

test('the keys are made once, with an audit entry each, and are the same after a restart', async () => {
  const first = await shownHalves(await load())
  const made = await rows()
  expect(made.map((row) => row.name)).toEqual(['device-ca', 'log', 'profile-signer', 'session'])
  expect(await shownHalves(await load())).toEqual(first)
  expect(await rows()).toEqual(made)
  const audits = await database.store.auditEvent.findMany({ where: { type: 'key.created' }, orderBy: { subject: 'asc' } })
  expect(audits.map((audit) => [audit.subject, audit.actor])).toEqual(made.map((row) => [`key:${row.name}`, 'system']))
  expect(createPublicKey(first.log).asymmetricKeyType).toBe('ed25519')
})

test('no row holds a private key: the bytes that a box opens stand in none of them', async () => {
  const keys = await load()
  const box = createSecretBox(SECRET)
  const stored = await rows()
  for (const row of stored) {
    const secret = Buffer.from(box.open(`key:${row.name}`, row.envelope))
    expect(secret.length).toBeGreaterThanOrEqual(32)
    for (const other of stored) {
      expect(Buffer.from(other.envelope).includes(secret)).toBe(false)
      expect(Buffer.from(other.public ?? []).includes(secret)).toBe(false)
    }
  }
  expect(stored.every((row) => !Buffer.from(row.envelope).includes(Buffer.from(keys.sessionSecret, 'base64url')))).toBe(true)
})

test('a key that was loaded from its row cannot be exported again', async () => {
  await load()
  await expect(exportPrivateKey((await load()).deviceCa)).rejects.toThrow()
})

test('another secret is refused in words that name the remedy, and makes no other keys', async () => {
  await load()
  const before = await rows()
  await expect(load('another secret of thirty-two chars')).rejects.toThrow(/sealed with another ESPALIER_SECRET. Bring that secret back/)
  expect(await rows()).toEqual(before)
})

test('a secret that was replaced still opens them', async () => {
  const first = await shownHalves(await load())
  expect(await shownHalves(await load('another secret of thirty-two chars', [SECRET]))).toEqual(first)
})

test('an envelope moved to another key’s name does not open', async () => {
  await load()
  const session = await database.store.wrappedKey.findUniqueOrThrow({ where: { name: 'session' } })
  await database.store.wrappedKey.update({ where: { name: 'log' }, data: { envelope: session.envelope } })
  await expect(load()).rejects.toThrow('damaged or was made for another name')
})

test('of two first starts at once both end with the same keys, or one is told to try again', async () => {
  const outcomes = await Promise.allSettled([load(), load()])
  const settled = await shownHalves(await load())
  for (const outcome of outcomes) if (outcome.status === 'fulfilled') expect(await shownHalves(outcome.value)).toEqual(settled)
  expect(await rows()).toHaveLength(4)
})
