import { createHash } from 'node:crypto'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { scratchFolder } from '../../test/support/scratch-folder.ts'
import { enrollmentsIn } from './enrollments.ts'
import { applyMigrations } from './migrate.ts'

/** A database of the first schema, with a Mac enrolled under it, brought to the newest: nothing that the Mac lives by is lost. */
const migrations = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))
const FIRST = '20261121130640_init'

let database: TestDatabase
let client: Client
beforeEach(async () => {
  database = await testDatabase()
  client = new Client({ connectionString: database.url })
  await client.connect()
  await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
  const dir = scratchFolder()
  await cp(join(migrations, FIRST), join(dir, FIRST), { recursive: true })
  await applyMigrations(database.url, dir)
})
afterEach(async () => {
  await client.end()
  await database.drop()
})

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
const AT = new Date('2026-11-21T12:00:00Z')

async function enrollUnderTheFirst(): Promise<void> {
  await client.query(`INSERT INTO "Mac" (id, serial, "addedAt") VALUES ('mac_1', 'C02AAAAAAAA1', $1)`, [AT])
  await client.query(
    `INSERT INTO "Enrollment" (id, "macId", state, "linkHash", "linkExpiresAt", "clientIdentifierHash", "clientIdentifierExpiresAt",
       "clientIdentifierUsedAt", "accessRights", "identitySha256", udid, topic, "createdAt", "enrolledAt")
     VALUES ('ENR-1', 'mac_1', 'enrolled', $1, $2, $3, $2, $2, 5395, $4, 'UDID-1', 'com.apple.mgmt.x', $2, $2)`,
    [digest('link'), AT, digest('client identifier'), digest('identity')],
  )
  await client.query(`INSERT INTO "AcmeAccount" (id, thumbprint, jwk, "createdAt") VALUES ('acc_1', 't', '{}', $1)`, [AT])
  await client.query(
    `INSERT INTO "AcmeOrder" (id, "accountId", "enrollmentId", identifier, status, token, "createdAt", "expiresAt", "evidenceDigest", certificate)
     VALUES ('ord_1', 'acc_1', 'ENR-1', 'x', 'valid', 'the token', $1, $1, $2, 'PEM')`,
    [AT, digest('evidence')],
  )
  await client.query(
    `INSERT INTO "Attestation" (id, "macId", "enrollmentId", source, "evidenceDigest", chain, "receivedAt")
     VALUES ('att_1', 'mac_1', 'ENR-1', 'acme', $1, $2, $3)`,
    [digest('evidence'), [Buffer.from('leaf'), Buffer.from('intermediate')], AT],
  )
}

test('an enrolled Mac is still known by its identity, its code stays used, and its attestation keeps its token', async () => {
  await enrollUnderTheFirst()
  await applyMigrations(database.url, migrations)
  const enrollments = enrollmentsIn(database.store)
  const known = await enrollments.findByIdentity(digest('identity'))
  expect(known).toMatchObject({ enrollment: { id: 'ENR-1', state: 'enrolled', udid: 'UDID-1' } })
  const code = await database.store.clientIdentifier.findUniqueOrThrow({ where: { hash: new Uint8Array(digest('client identifier')) } })
  expect(code).toMatchObject({ enrollmentId: 'ENR-1', protocol: 'acme', purpose: 'enrollment', usedAt: AT })
  const attestation = await database.store.attestation.findUniqueOrThrow({ where: { id: 'att_1' } })
  expect(attestation.token).toBe('the token')
  expect(Buffer.from(attestation.leafSha256 ?? [])).toEqual(digest('leaf'))
  const order = await database.store.acmeOrder.findUniqueOrThrow({ where: { id: 'ord_1' } })
  expect(Buffer.from(order.identitySha256 ?? [])).toEqual(digest('identity'))
})

test('a database with nothing in it is brought forward, too', async () => {
  await expect(applyMigrations(database.url, migrations)).resolves.toHaveLength(1)
})
