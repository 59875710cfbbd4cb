import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { createUser, disableUser } from '../store/users.ts'
import {
  checkSession,
  listOwnSessions,
  openSession,
  revokeSession,
  SESSION_IDLE_MS,
  SESSION_LIFE_MS,
  type SessionDeps,
} from './sessions.ts'

let database: TestDatabase
let now: Date
let deps: SessionDeps
let userId: string
let person = 0

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())
beforeEach(async () => {
  now = new Date('2026-05-01T12:00:00Z')
  deps = { store: database.store, clock: { now: () => now } }
  const user = { email: `s${person++}@example.com`, name: 'S', role: 'viewer', passwordHash: null, createdAt: now } as const
  userId = (await createUser(database.store, user)).id
})

const open = () => openSession(deps, { userId, ip: '127.0.0.1', userAgent: 'test' })
const later = (ms: number) => {
  now = new Date(now.getTime() + ms)
}

describe('a session', () => {
  test('stands until it is revoked, and not a request longer', async () => {
    const sessionId = await open()
    expect((await checkSession(deps, sessionId))?.user.id).toBe(userId)
    await revokeSession(deps, { sessionId, userId })
    expect(await checkSession(deps, sessionId)).toBeUndefined()
    expect(await listOwnSessions(deps, userId)).toEqual([])
  })

  test('ends when it is idle', async () => {
    const sessionId = await open()
    later(SESSION_IDLE_MS)
    expect(await checkSession(deps, sessionId)).toBeUndefined()
  })

  test('ends after its absolute life, however busy it was', async () => {
    const sessionId = await open()
    for (let elapsed = 0; elapsed + SESSION_IDLE_MS / 2 < SESSION_LIFE_MS; elapsed += SESSION_IDLE_MS / 2) {
      expect(await checkSession(deps, sessionId)).toBeDefined()
      later(SESSION_IDLE_MS / 2)
    }
    later(SESSION_IDLE_MS / 2)
    expect(await checkSession(deps, sessionId)).toBeUndefined()
  })

  test('ends when its person is disabled', async () => {
    const sessionId = await open()
    await disableUser(database.store, userId, now)
    expect(await checkSession(deps, sessionId)).toBeUndefined()
  })

  test('cannot be revoked by somebody else', async () => {
    const sessionId = await open()
    await expect(revokeSession(deps, { sessionId, userId: 'usr_other' })).rejects.toMatchObject({ code: 'not_found' })
    expect(await checkSession(deps, sessionId)).toBeDefined()
  })

  test('that was never opened does not stand', async () => {
    expect(await checkSession(deps, 'usn_0000000000000000')).toBeUndefined()
  })
})
