import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { fleetOfValues } from '../../test/support/fleet-values.ts'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { createApiKeyCache } from '../auth/api-key-cache.ts'
import { can, PERMISSIONS, ROLES, type Role } from '../auth/permissions.ts'
import { systemClock } from '../clock.ts'
import { createUser } from '../store/users.ts'
import type { ConsoleDeps } from './context.ts'
import { createCaller, type Meta } from './procedure.ts'
import { appRouter } from './root.ts'

type AnyProcedure = { _def: { type: 'query' | 'mutation' | 'subscription'; meta?: Meta } }
const procedures = Object.entries(appRouter._def.procedures as unknown as Record<string, AnyProcedure>)

let database: TestDatabase
let deps: ConsoleDeps

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())
beforeEach(() => {
  deps = {
    store: database.store,
    clock: systemClock,
    cache: createApiKeyCache(),
    mode: 'evaluation',
    publicUrl: new URL('http://localhost:3200'),
    fleet: fleetOfValues({ now: new Date() }),
  }
})

const person = (role: Role) => ({ sessionId: 'usn_x', user: { id: 'usr_x', email: 'x@example.com', name: 'X', role } })

/** Calls a procedure without input; whatever happens after the gate is of no interest here. */
async function codeOf(path: string, role: Role | undefined): Promise<string> {
  const caller = createCaller(appRouter)({ deps, signedIn: role === undefined ? undefined : person(role) })
  const [noun, verb] = path.split('.') as [string, string]
  const procedure = (caller as unknown as Record<string, Record<string, (input?: unknown) => Promise<unknown>>>)[noun]?.[verb]
  return (
    (await procedure?.(undefined).then(
      () => 'ok',
      (error: { code: string }) => error.code,
    )) ?? 'no such procedure'
  )
}

describe('every procedure', () => {
  test('is found by this test', () => expect(procedures.length).toBeGreaterThanOrEqual(14))

  test.each(procedures)('%s names its permission', (_path, procedure) => {
    expect(PERMISSIONS).toContain(procedure._def.meta?.permission)
  })

  test.each(procedures)('%s refuses whoever is not signed in', async (path) => {
    expect(await codeOf(path, undefined)).toBe('UNAUTHORIZED')
  })

  test.each(procedures)('%s is open to exactly the roles with its permission', async (path, procedure) => {
    for (const role of ROLES) {
      const isAllowed = procedure._def.meta !== undefined && can(role, procedure._def.meta.permission)
      expect([role, (await codeOf(path, role)) !== 'FORBIDDEN']).toEqual([role, isAllowed])
    }
  })
})

describe('the console API', () => {
  test('finds, filters and explains a refused Mac', async () => {
    const caller = createCaller(appRouter)({ deps, signedIn: person('viewer') })
    const list = await caller.macs.listMacs({ trust: 'refused', sort: 'name' })
    expect(list.rows.map((mac) => [mac.name, mac.reason])).toEqual([
      ['mini-lab-03', 'System Integrity Protection is off.'],
      ['render-07', 'The attestation is older than the policy allows.'],
    ])
    const mac = await caller.macs.getMac({ mac: list.rows[0]?.id as string })
    expect(mac.explanation.sentence).toBe('Refused: System Integrity Protection is off.')
    expect(mac.explanation.remedy).toContain('csrutil enable')
    expect(mac.explanation.others.map((reason) => reason.code)).toEqual(['BOOT_SESSION_CHANGED'])
  })

  test('creates, lists and revokes one’s own key; another operator does not see it', async () => {
    const make = (email: string) =>
      createUser(database.store, { email, name: 'O', role: 'operator', passwordHash: null, createdAt: new Date() })
    const [one, two] = await Promise.all([make('one@example.com'), make('two@example.com')])
    const as = (user: typeof one) => createCaller(appRouter)({ deps, signedIn: { sessionId: 'usn_x', user } })
    const created = await as(one).apiKeys.createApiKey({ name: ' laptop ', scopes: ['inference'], expiresInDays: 30 })
    expect(created.name).toBe('laptop')
    expect((await as(one).apiKeys.listApiKeys({})).rows).toMatchObject([{ id: created.id, state: 'active', mayRevoke: true }])
    expect((await as(two).apiKeys.listApiKeys({})).rows).toEqual([])
    await expect(as(two).apiKeys.revokeApiKey({ id: created.id })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await as(one).apiKeys.revokeApiKey({ id: created.id })
    expect((await as(one).apiKeys.listApiKeys({})).rows).toEqual([])
    expect((await as(one).apiKeys.listApiKeys({ onlyActive: false })).rows).toMatchObject([{ state: 'revoked', mayRevoke: false }])
  })

  test('says in its answer what is wrong with an input', async () => {
    const caller = createCaller(appRouter)({ deps, signedIn: person('owner') })
    await expect(caller.macs.inviteMac({ serial: '!' })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  })
})
