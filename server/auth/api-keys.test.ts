import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { NO_REVOCATIONS } from '../../test/support/no-revocations.ts'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { createUser, disableUser } from '../store/users.ts'
import { createApiKeyCache } from './api-key-cache.ts'
import { newApiKey } from './api-key-format.ts'
import { type ApiKeyDeps, authenticateApiKey, createApiKey, createPlaygroundKey, requireScope, revokeApiKey } from './api-keys.ts'
import { ALL_SCOPES, type Role } from './permissions.ts'

let database: TestDatabase
let now: Date
let deps: ApiKeyDeps
let person = 0

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())
beforeEach(() => {
  now = new Date('2026-05-01T12:00:00Z')
  deps = { store: database.store, clock: { now: () => now }, cache: createApiKeyCache(), revocations: NO_REVOCATIONS }
})

async function someone(role: Role) {
  return createUser(database.store, { email: `Key${person++}@example.com`, name: 'K', role, passwordHash: null, createdAt: now })
}
const bearer = (key: string) => `Bearer ${key}`
const refusal = (promise: Promise<unknown>) => expect(promise).rejects

describe('authenticating an API key', () => {
  test('a created key is accepted with its scopes, and only its hash is stored', async () => {
    const owner = await someone('owner')
    const created = await createApiKey(deps, { owner, name: 'all', scopes: ALL_SCOPES, expiresAt: null })
    const principal = await authenticateApiKey(deps, bearer(created.key))
    expect(principal).toEqual({ keyId: created.id, userId: owner.id, scopes: new Set(ALL_SCOPES) })
    const stored = await database.store.apiKey.findUniqueOrThrow({ where: { id: created.id } })
    expect(JSON.stringify(stored)).not.toContain(created.key)
    expect(created.key.startsWith(stored.prefix)).toBe(true)
  })

  test('no header, another scheme and an empty header are missing_api_key', async () => {
    for (const header of [undefined, '', '  ', 'Basic abc', 'Bearer']) {
      await refusal(authenticateApiKey(deps, header)).toMatchObject({ code: 'missing_api_key' })
    }
  })

  test('a misspelt key and a well-formed key that was never issued are invalid_api_key', async () => {
    for (const key of ['esp_short', newApiKey()])
      await refusal(authenticateApiKey(deps, bearer(key))).toMatchObject({ code: 'invalid_api_key' })
  })

  test('a revoked key is refused at once, although it was used a moment ago', async () => {
    const owner = await someone('operator')
    const created = await createApiKey(deps, { owner, name: 'k', scopes: ['inference'], expiresAt: null })
    await authenticateApiKey(deps, bearer(created.key))
    await revokeApiKey(deps, { id: created.id, by: owner })
    await refusal(authenticateApiKey(deps, bearer(created.key))).toMatchObject({ code: 'invalid_api_key' })
  })

  test('a key read from the database while it was being revoked is not kept', () => {
    const cache = createApiKeyCache()
    const generation = cache.generation()
    cache.forgetAll()
    const known = { principal: { keyId: 'key_x', userId: 'usr_x', scopes: new Set([]) }, expiresAt: null, lastUsedAt: null }
    cache.keep('hash', known, { generation, now })
    expect(cache.find('hash', now)).toBeUndefined()
  })

  test('a key expires on time, although it is cached', async () => {
    const owner = await someone('operator')
    const created = await createPlaygroundKey(deps, owner)
    now = new Date(now.getTime() + 15 * 60_000 - 1)
    await authenticateApiKey(deps, bearer(created.key))
    now = new Date(now.getTime() + 1)
    await refusal(authenticateApiKey(deps, bearer(created.key))).toMatchObject({ code: 'invalid_api_key' })
  })

  test('the keys of a disabled person stop working', async () => {
    const owner = await someone('operator')
    const created = await createApiKey(deps, { owner, name: 'k', scopes: ['inference'], expiresAt: null })
    await disableUser(database.store, owner.id, now)
    await refusal(authenticateApiKey(deps, bearer(created.key))).toMatchObject({ code: 'invalid_api_key' })
  })

  test('a key loses a scope when its owner loses the permission', async () => {
    const owner = await someone('it_admin')
    const created = await createApiKey(deps, { owner, name: 'k', scopes: ['fleet:read', 'fleet:enroll'], expiresAt: null })
    await database.store.user.update({ where: { id: owner.id }, data: { role: 'viewer' } })
    const principal = await authenticateApiKey(deps, bearer(created.key))
    expect(principal.scopes).toEqual(new Set(['fleet:read']))
    expect(() => requireScope(principal, 'fleet:enroll')).toThrow(expect.objectContaining({ code: 'insufficient_scope' }))
  })

  test('last use is written at most once a minute', async () => {
    const owner = await someone('operator')
    const created = await createApiKey(deps, { owner, name: 'k', scopes: ['inference'], expiresAt: null })
    const first = now
    // No request waits for the note, so neither may the reader of it expect it at once.
    const lastUse = async () => (await database.store.apiKey.findUniqueOrThrow({ where: { id: created.id } })).lastUsedAt
    await authenticateApiKey(deps, bearer(created.key))
    await expect.poll(lastUse).toEqual(first)
    now = new Date(first.getTime() + 59_999)
    await authenticateApiKey(deps, bearer(created.key))
    now = new Date(first.getTime() + 60_000)
    await authenticateApiKey(deps, bearer(created.key))
    await expect.poll(lastUse).toEqual(now)
  })
})

describe('who may make and revoke keys', () => {
  test('nobody grants a scope that their role does not hold', async () => {
    const owner = await someone('operator')
    await refusal(createApiKey(deps, { owner, name: 'k', scopes: ['evidence:read'], expiresAt: null })).toMatchObject({ code: 'forbidden' })
  })

  test('a key that would expire in the past is refused', async () => {
    const owner = await someone('operator')
    await refusal(createApiKey(deps, { owner, name: 'k', scopes: ['inference'], expiresAt: now })).toMatchObject({
      code: 'invalid_request',
    })
  })

  test('an operator cannot revoke, nor even find, another person’s key; security can', async () => {
    const [owner, operator, security] = await Promise.all([someone('owner'), someone('operator'), someone('security')])
    const created = await createApiKey(deps, { owner, name: 'k', scopes: ['inference'], expiresAt: null })
    await refusal(revokeApiKey(deps, { id: created.id, by: operator })).toMatchObject({ code: 'not_found' })
    await revokeApiKey(deps, { id: created.id, by: security })
    await refusal(authenticateApiKey(deps, bearer(created.key))).toMatchObject({ code: 'invalid_api_key' })
    const audit = await database.store.auditEvent.findMany({ where: { subject: created.id }, orderBy: { at: 'asc' } })
    expect(audit.map((event) => [event.type, event.actor]).sort()).toEqual([
      ['api-key.created', `user:${owner.id}`],
      ['api-key.revoked', `user:${security.id}`],
    ])
  })
})

test('a revocation joins the list in its own transaction, and is undone with it', async () => {
  const owner = await someone('owner')
  const created = await createApiKey(deps, { owner, name: 'listed', scopes: ['inference'], expiresAt: null })
  const told: string[] = []
  const revocations = {
    append: async (_: unknown, { apiKeyId }: { apiKeyId: string }) => void told.push(apiKeyId),
    publish: async () => void told.push('published'),
  }
  const failing = { append: () => Promise.reject(new Error('no list')), publish: async () => undefined }
  await refusal(revokeApiKey({ ...deps, revocations: failing }, { id: created.id, by: owner })).toThrow('no list')
  expect((await database.store.apiKey.findUniqueOrThrow({ where: { id: created.id } })).revokedAt).toBeNull()
  await revokeApiKey({ ...deps, revocations }, { id: created.id, by: owner })
  expect(told).toEqual([created.id, 'published'])
})

test('somebody makes 500 keys a day at most, so that nobody fills the list of revoked ones', async () => {
  const owner = await someone('operator')
  const wish = { owner, name: 'k', scopes: ['inference'], expiresAt: null } as const
  await database.store.apiKey.createMany({
    data: Array.from({ length: 500 }, (_, index) => ({
      ...{ id: `key_many${index}`, userId: owner.id, name: 'k', prefix: 'esp_', scopes: [], createdAt: now },
      hash: new TextEncoder().encode(`many ${index}`),
    })),
  })
  await refusal(createApiKey(deps, wish)).toMatchObject({ code: 'too_many_requests' })
  await createApiKey(deps, { ...wish, owner: await someone('operator') })
  now = new Date(now.getTime() + 24 * 3600_000)
  await createApiKey(deps, wish)
})
