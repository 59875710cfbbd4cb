import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { desksWithoutMacs } from '../../test/support/console-desks.ts'
import { fleetOfValues } from '../../test/support/fleet-values.ts'
import { macActionsWithoutMdm } from '../../test/support/mac-actions.ts'
import { NO_REVOCATIONS } from '../../test/support/no-revocations.ts'
import { policyDeskOn } from '../../test/support/policy-desk.ts'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { pushDeskIn } from '../../test/support/push-desk.ts'
import { createApiKeyCache } from '../auth/api-key-cache.ts'
import type { Role } from '../auth/permissions.ts'
import { createSignInLimits } from '../auth/sign-in-limits.ts'
import { systemClock } from '../clock.ts'
import { createSecretBox } from '../secrets.ts'
import { createUser } from '../store/users.ts'
import type { ConsoleDeps } from './context.ts'
import { createCaller } from './procedure.ts'
import { appRouter } from './root.ts'

let database: TestDatabase
let policy: Awaited<ReturnType<typeof policyDeskOn>>
let deps: ConsoleDeps

beforeAll(async () => {
  database = await testDatabase()
  policy = await policyDeskOn(database.store)
})
afterAll(async () => {
  await policy.close()
  await database.drop()
})
beforeEach(() => {
  deps = {
    store: database.store,
    clock: systemClock,
    cache: createApiKeyCache(),
    revocations: NO_REVOCATIONS,
    mode: 'evaluation',
    publicUrl: new URL('http://localhost:3200'),
    fleet: fleetOfValues({ now: new Date() }),
    macActions: macActionsWithoutMdm(database.store),
    push: pushDeskIn(database.store),
    ...desksWithoutMacs(database.store),
    policy: policy.desk,
    limits: createSignInLimits(),
    secrets: createSecretBox('a secret of this test alone, long enough'),
  }
})

const person = (role: Role) => ({
  sessionId: 'usn_x',
  steppedUpAt: new Date(),
  lacksSecondFactor: false,
  user: { id: 'usr_x', email: 'x@example.com', name: 'X', role },
})

describe('the console API', () => {
  test('finds, filters and explains a refused Mac', async () => {
    const caller = createCaller(appRouter)({ deps, signedIn: person('viewer'), ip: '192.0.2.1' })
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
    const as = (user: typeof one) => createCaller(appRouter)({ deps, signedIn: { ...person(user.role), user }, ip: '192.0.2.1' })
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
    const caller = createCaller(appRouter)({ deps, signedIn: person('owner'), ip: '192.0.2.1' })
    await expect(caller.macs.inviteMac({ serial: '!' })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  })
})
