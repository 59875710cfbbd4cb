import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { authenticateApiKey, createApiKey } from './api-keys.ts'
import { changeRole, disablePerson, enablePerson, listPeople } from './people.ts'
import { checkSession } from './sessions.ts'
import { signIn } from './sign-in.ts'
import { PASSWORD, type PeopleForTests, peopleForTests } from './testing/people.ts'

let people: PeopleForTests
beforeAll(async () => {
  people = await peopleForTests()
})
afterAll(() => people.drop())
// Each test begins with no active owner but those that it makes.
beforeEach(async () => {
  await people.deps.store.user.updateMany({ where: { role: 'owner' }, data: { disabledAt: new Date() } })
})

const roleOf = async (id: string) => (await people.deps.store.user.findUniqueOrThrow({ where: { id } })).role
const activeOwners = () => people.deps.store.user.count({ where: { role: 'owner', disabledAt: null } })

describe('disabling somebody', () => {
  test('ends their sessions and stops their API keys at once, also one that was used a moment ago', async () => {
    const [owner, operator] = [await people.make('owner'), await people.make('operator')]
    const session = await people.signedIn(operator)
    const key = await createApiKey(people.deps, { owner: operator, name: 'k', scopes: ['inference'], expiresAt: null })
    const header = `Bearer ${key.key}`
    expect((await authenticateApiKey(people.deps, header)).userId).toBe(operator.id)

    expect(await disablePerson(people.deps, { userId: operator.id, by: owner.id })).toEqual({ sessionsEnded: 1, apiKeysStopped: 1 })
    expect(await checkSession(people.deps, session.sessionId)).toBeUndefined()
    await expect(authenticateApiKey(people.deps, header)).rejects.toMatchObject({ code: 'invalid_api_key' })
    const attempt = { email: operator.email, password: PASSWORD, ip: '192.0.2.1', userAgent: 'test' }
    expect(await signIn(people.deps, attempt)).toBeUndefined()
    expect((await people.audited(operator.id)).at(-1)).toEqual({
      type: 'user.disabled',
      actor: `user:${owner.id}`,
      detail: { sessionsEnded: 1, apiKeysStopped: 1 },
    })
  })

  test('keeps their history; enabling brings password and keys back, but no session', async () => {
    const [owner, viewer] = [await people.make('owner'), await people.make('viewer')]
    const session = await people.signedIn(viewer)
    const key = await createApiKey(people.deps, { owner: viewer, name: 'k', scopes: ['fleet:read'], expiresAt: null })
    await disablePerson(people.deps, { userId: viewer.id, by: owner.id })
    await enablePerson(people.deps, { userId: viewer.id, by: owner.id })
    expect((await authenticateApiKey(people.deps, `Bearer ${key.key}`)).userId).toBe(viewer.id)
    expect(await checkSession(people.deps, session.sessionId)).toBeUndefined()
    expect(await people.signedIn(viewer)).toMatchObject({ user: { id: viewer.id } })
  })

  test('a sign-in whose password was checked just before opens no session', async () => {
    const [owner, viewer] = [await people.make('owner'), await people.make('viewer')]
    const attempt = { email: viewer.email, password: PASSWORD, ip: '192.0.2.1', userAgent: 'test' }
    const results = await Promise.allSettled([
      signIn(people.deps, attempt),
      disablePerson(people.deps, { userId: viewer.id, by: owner.id }),
    ])
    await enablePerson(people.deps, { userId: viewer.id, by: owner.id })
    const [opened] = results
    const sessionId = opened.status === 'fulfilled' ? opened.value?.sessionId : undefined
    expect(sessionId === undefined ? undefined : await checkSession(people.deps, sessionId)).toBeUndefined()
  })
})

describe('a role', () => {
  test('changes at the person’s next request, and their API keys with it', async () => {
    const [owner, admin] = [await people.make('owner'), await people.make('it_admin')]
    const session = await people.signedIn(admin)
    const key = await createApiKey(people.deps, { owner: admin, name: 'k', scopes: ['fleet:enroll', 'fleet:read'], expiresAt: null })
    const header = `Bearer ${key.key}`
    expect((await authenticateApiKey(people.deps, header)).scopes.has('fleet:enroll')).toBe(true)
    await changeRole(people.deps, { userId: admin.id, role: 'viewer', by: owner.id })
    expect((await checkSession(people.deps, session.sessionId))?.user.role).toBe('viewer')
    expect([...(await authenticateApiKey(people.deps, header)).scopes]).toEqual(['fleet:read'])
    expect((await people.audited(admin.id)).at(-1)).toMatchObject({ type: 'user.role-changed', detail: { from: 'it_admin', to: 'viewer' } })
  })

  test('is given by an IT admin up to their own reach: they neither make an owner nor touch one', async () => {
    const [owner, admin, viewer] = [await people.make('owner'), await people.make('it_admin'), await people.make('viewer')]
    await changeRole(people.deps, { userId: viewer.id, role: 'it_admin', by: admin.id })
    const refused = [
      () => changeRole(people.deps, { userId: viewer.id, role: 'owner', by: admin.id }),
      () => changeRole(people.deps, { userId: admin.id, role: 'owner', by: admin.id }),
      () => changeRole(people.deps, { userId: owner.id, role: 'viewer', by: admin.id }),
      () => disablePerson(people.deps, { userId: owner.id, by: admin.id }),
    ]
    for (const attempt of refused) await expect(attempt()).rejects.toMatchObject({ code: 'forbidden' })
    expect(await roleOf(viewer.id)).toBe('it_admin')
    expect(await roleOf(owner.id)).toBe('owner')
  })

  test.each(['security', 'operator', 'auditor', 'viewer'] as const)('%s changes nobody, whatever asks for them', async (role) => {
    const [, somebody, viewer] = [await people.make('owner'), await people.make(role), await people.make('viewer')]
    await expect(changeRole(people.deps, { userId: viewer.id, role: 'auditor', by: somebody.id })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(disablePerson(people.deps, { userId: viewer.id, by: somebody.id })).rejects.toMatchObject({ code: 'forbidden' })
  })

  test('somebody who was disabled meanwhile changes nobody', async () => {
    const [owner, admin, viewer] = [await people.make('owner'), await people.make('it_admin'), await people.make('viewer')]
    await disablePerson(people.deps, { userId: admin.id, by: owner.id })
    const late = changeRole(people.deps, { userId: viewer.id, role: 'auditor', by: admin.id })
    await expect(late).rejects.toMatchObject({ code: 'not_signed_in' })
  })
})

describe('the last active owner', () => {
  test('can be neither disabled nor demoted, not even by themselves', async () => {
    const owner = await people.make('owner')
    const lastOwner = { code: 'conflict', publicText: expect.stringContaining('last active owner') }
    await expect(disablePerson(people.deps, { userId: owner.id, by: owner.id })).rejects.toMatchObject(lastOwner)
    await expect(changeRole(people.deps, { userId: owner.id, role: 'viewer', by: owner.id })).rejects.toMatchObject(lastOwner)
    expect(await activeOwners()).toBe(1)
    expect((await people.audited(owner.id)).map(({ type }) => type)).toEqual([])
  })

  test('remains when owners disable and demote each other all at once', async () => {
    for (let round = 0; round < 5; round++) {
      await people.deps.store.user.updateMany({ where: { role: 'owner' }, data: { disabledAt: new Date() } })
      const owners = await Promise.all([people.make('owner'), people.make('owner'), people.make('owner')])
      const attacks = owners.flatMap((by, n) => {
        const userId = (owners[(n + 1) % 3] as (typeof owners)[0]).id
        const other = (owners[(n + 2) % 3] as (typeof owners)[0]).id
        return [disablePerson(people.deps, { userId, by: by.id }), changeRole(people.deps, { userId: other, role: 'viewer', by: by.id })]
      })
      await Promise.allSettled(attacks)
      expect(await activeOwners()).toBeGreaterThanOrEqual(1)
    }
  })

  test('two owners who take each other’s role away at once: exactly one succeeds', async () => {
    const [a, b] = [await people.make('owner'), await people.make('owner')]
    const results = await Promise.allSettled([
      changeRole(people.deps, { userId: b.id, role: 'viewer', by: a.id }),
      changeRole(people.deps, { userId: a.id, role: 'viewer', by: b.id }),
    ])
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await activeOwners()).toBe(1)
  })
})

test('the list says who is there, what stands with each, and finds them by name, role and state', async () => {
  const [owner, auditor] = [await people.make('owner'), await people.make('auditor')]
  await people.signedIn(auditor)
  const { rows } = await listPeople(people.deps, { search: auditor.email.toUpperCase(), skip: 0, take: 10 })
  expect(rows).toEqual([
    expect.objectContaining({ id: auditor.id, sessions: 1, apiKeys: 0, hasSecondFactor: false, lastSeenAt: people.deps.clock.now() }),
  ])
  expect(rows[0]).not.toHaveProperty('passwordHash')
  const owners = await listPeople(people.deps, { role: 'owner', isActive: true, skip: 0, take: 10 })
  expect(owners.rows.map(({ id }) => id)).toEqual([owner.id])
  expect((await listPeople(people.deps, { search: '%', skip: 0, take: 10 })).total).toBe(0)
})
