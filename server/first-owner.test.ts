import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../test/support/postgres.ts'
import { createApiKeyCache } from './auth/api-key-cache.ts'
import { authenticateApiKey } from './auth/api-keys.ts'
import { verifyPassword } from './auth/passwords.ts'
import { ensureFirstOwner } from './first-owner.ts'
import { type FirstRun, readFirstRun } from './first-run.ts'

const clock = { now: () => new Date() }
let database: TestDatabase
let dataDir: string
beforeEach(async () => {
  database = await testDatabase()
  dataDir = mkdtempSync(join(tmpdir(), 'espalier-first-owner-'))
})
afterEach(async () => {
  rmSync(dataDir, { recursive: true })
  await database.drop()
})

const ensure = (mode: 'evaluation' | 'production' = 'evaluation', port = 3200) =>
  ensureFirstOwner({ store: database.store, clock }, { dataDir, url: `http://localhost:${port}`, mode })

async function expectToWork(credentials: FirstRun | undefined): Promise<void> {
  expect(credentials).toBeDefined()
  const owner = await database.store.user.findUniqueOrThrow({ where: { email: credentials?.adminEmail ?? '' } })
  expect(await verifyPassword(credentials?.adminPassword ?? '', owner.passwordHash ?? '')).toBe(true)
  const deps = { store: database.store, clock, cache: createApiKeyCache() }
  expect((await authenticateApiKey(deps, `Bearer ${credentials?.apiKey}`)).scopes.size).toBeGreaterThan(4)
}

test('the first start makes one owner whose password and key work, written for its reader alone', async () => {
  const { credentials, isNew } = await ensure()
  expect(isNew).toBe(true)
  await expectToWork(credentials)
  expect(readFirstRun(dataDir)).toEqual(credentials)
  expect(statSync(join(dataDir, 'first-run.json')).mode & 0o777).toBe(0o600)
})

test('a restart changes nothing', async () => {
  const { credentials } = await ensure()
  expect(await ensure()).toEqual({ credentials, isNew: false })
  expect(await database.store.apiKey.count()).toBe(1)
})

test('the address follows the port, and nothing else does', async () => {
  const { credentials } = await ensure()
  const { credentials: moved } = await ensure('evaluation', 4000)
  expect(moved).toEqual({ ...credentials, url: 'http://localhost:4000' })
  expect(readFirstRun(dataDir)).toEqual(moved)
})

describe.each(['evaluation', 'production'] as const)('in %s', (mode) => {
  test('a start that could not write the file leaves no owner whom nobody can be: the next one finishes', async () => {
    mkdirSync(join(dataDir, 'first-run.json')) // nothing can be renamed onto a directory
    await expect(ensure(mode)).rejects.toThrow()
    rmSync(join(dataDir, 'first-run.json'), { recursive: true })
    const { credentials, isNew } = await ensure(mode)
    expect(isNew).toBe(true)
    await expectToWork(credentials)
    expect(await database.store.user.count()).toBe(1)
  })

  test('a start cut off after the file was written is finished by the next one', async () => {
    const { credentials: lost } = await ensure(mode)
    await database.store.user.updateMany({ data: { passwordHash: null } })
    const { credentials } = await ensure(mode)
    expect(credentials).not.toEqual(lost)
    await expectToWork(credentials)
  })

  test('a file without its database gets an owner and a file of its own', async () => {
    await ensure(mode)
    await database.store.apiKey.deleteMany()
    await database.store.user.deleteMany()
    await expectToWork((await ensure(mode)).credentials)
  })
})

test('in evaluation a lost file is made anew, with a new password and key', async () => {
  const { credentials: lost } = await ensure()
  rmSync(join(dataDir, 'first-run.json'))
  const { credentials, isNew } = await ensure()
  expect(isNew).toBe(true)
  expect(credentials?.adminPassword).not.toBe(lost?.adminPassword)
  await expectToWork(credentials)
})

test('in production a file that was deleted stays deleted, and the owner keeps the password', async () => {
  const { credentials } = await ensure('production')
  rmSync(join(dataDir, 'first-run.json'))
  expect(await ensure('production')).toEqual({ credentials: undefined, isNew: false })
  await expectToWork(credentials)
})
