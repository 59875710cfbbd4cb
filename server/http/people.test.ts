import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { consoleSession } from '../../test/journeys/support/console-session.ts'
import { createSignInLimits } from '../auth/sign-in-limits.ts'
import { STEP_UP_MS } from '../auth/step-up.ts'
import { PASSWORD, type PeopleForTests, peopleForTests } from '../auth/testing/people.ts'
import { type ConsolePluginDeps, consoleApi } from './console.ts'

/** The rules about people, from outside: over HTTP, with cookies, as the console’s pages speak. */
let people: PeopleForTests
let app: FastifyInstance
let localUrl: string

beforeAll(async () => {
  people = await peopleForTests()
  app = Fastify()
  const deps = { ...people.deps, mode: 'evaluation', publicUrl: new URL('http://localhost:3200'), secret: 'a secret of this test alone' }
  await app.register(consoleApi, { ...deps, log: { warn() {} } } as unknown as ConsolePluginDeps)
  await app.listen({ host: '127.0.0.1', port: 0 })
  localUrl = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
})
afterAll(async () => {
  await app.close()
  await people.drop()
})
beforeEach(() => Object.assign(people.deps.limits, createSignInLimits()))

const comeIn = (email: string, password = PASSWORD) => consoleSession({ localUrl }, { email, password })
const COOKIE = 'next-auth.session-token'

describe('a dangerous action', () => {
  test('is refused with a stable code until the password is given again, for this session alone', async () => {
    const [owner, viewer] = [await people.make('owner'), await people.make('viewer')]
    const [here, there] = [await comeIn(owner.email), await comeIn(owner.email)]
    people.later(STEP_UP_MS)
    const wish = { person: viewer.id, role: 'auditor' }
    expect(await here.mutate('people.changeRole', wish)).toMatchObject({ status: 403, code: 'step_up_required' })
    expect(await here.mutate('session.stepUp', { password: 'wrong' })).toMatchObject({ status: 403, code: 'wrong_password' })
    expect(await here.mutate('session.stepUp', { password: PASSWORD })).toMatchObject({ status: 200 })
    expect(await here.mutate('people.changeRole', wish)).toMatchObject({ status: 200 })
    expect(await there.mutate('people.changeRole', wish)).toMatchObject({ status: 403, code: 'step_up_required' })
  })

  test('is not asked for by a page of somebody else’s, nor is the step-up', async () => {
    const session = await comeIn((await people.make('owner')).email)
    const from = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', 'content-type': 'application/json' }
    for (const procedure of ['session.stepUp', 'people.acceptInvitation', 'session.changePassword']) {
      const headers = { ...from, cookie: `${COOKIE}=${session.jar.get(COOKIE)}` }
      const answer = await fetch(`${localUrl}/trpc/${procedure}`, { method: 'POST', headers, body: '{}' })
      expect([procedure, answer.status]).toEqual([procedure, 403])
    }
  })
})

describe('a session', () => {
  test('is made anew by each sign-in: one that was planted beforehand is not adopted', async () => {
    const [victim, attacker] = [await people.make('owner'), await people.make('viewer')]
    const planted = (await comeIn(attacker.email)).jar.get(COOKIE) as string
    const { csrfToken, cookie } = await csrf(`${COOKIE}=${planted}`)
    const answer = await fetch(`${localUrl}/api/auth/callback/credentials`, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie, 'sec-fetch-site': 'same-origin' },
      body: new URLSearchParams({ email: victim.email, password: PASSWORD, csrfToken, json: 'true' }),
    })
    const made = answer.headers.getSetCookie().find((line) => line.startsWith(`${COOKIE}=`))
    expect(made?.split(/[=;]/)[1]).not.toBe(planted)
    const still = await fetch(`${localUrl}/trpc/session.getSession`, { headers: { cookie: `${COOKIE}=${planted}` } })
    expect(await still.json()).toMatchObject({ result: { data: { user: { id: attacker.id } } } })
  })

  test('feels a change of role, and its person’s disabling, at the very next request', async () => {
    const [owner, admin] = [await people.make('owner'), await people.make('it_admin')]
    const [boss, session] = [await comeIn(owner.email), await comeIn(admin.email)]
    expect((await session.query('people.listPeople', {})).status).toBe(200)
    await boss.mutate('people.changeRole', { person: admin.id, role: 'viewer' })
    expect(await session.query('people.listPeople', {})).toMatchObject({ status: 403, code: 'forbidden' })
    await boss.mutate('people.disablePerson', { person: admin.id })
    expect(await session.query('session.getSession')).toMatchObject({ status: 401, code: 'not_signed_in' })
  })
})

/** A CSRF token, and the cookies that belong to it beside one that is there already. */
async function csrf(present: string): Promise<{ csrfToken: string; cookie: string }> {
  const answer = await fetch(`${localUrl}/api/auth/csrf`, { headers: { cookie: present } })
  const cookies = answer.headers.getSetCookie().map((line) => line.split(';', 1)[0])
  const { csrfToken } = (await answer.json()) as { csrfToken: string }
  return { csrfToken, cookie: [present, ...cookies].join('; ') }
}

describe('whoever is not signed in', () => {
  test('accepts an invitation without a session, and gets none by it', async () => {
    const owner = await comeIn((await people.make('owner')).email)
    const invited = await owner.mutate('people.invitePerson', { email: 'grace@example.com', role: 'viewer' })
    const token = new URL((invited.data as { link: string }).link).hash.slice(1)
    const nobody = await comeIn('nobody@example.com', 'x')
    expect(await nobody.mutate('people.lookAtInvitation', { token })).toMatchObject({
      data: { email: 'grace@example.com', role: 'viewer' },
    })
    const choice = { token, name: 'Grace Hopper', password: 'quite another password' }
    expect((await nobody.mutate('people.acceptInvitation', choice)).status).toBe(200)
    expect(nobody.jar.has(COOKIE)).toBe(false)
    expect(await nobody.mutate('people.acceptInvitation', choice)).toMatchObject({ status: 410, code: 'gone' })
    expect((await (await comeIn('grace@example.com', choice.password)).query('session.getSession')).status).toBe(200)
  })

  test('cannot tell by the time an answer takes whether an address has an account', async () => {
    const { email } = await people.make('viewer')
    const timeOf = async (address: string) => {
      Object.assign(people.deps.limits, createSignInLimits())
      const startedAt = performance.now()
      await comeIn(address, 'not the password of anybody')
      return performance.now() - startedAt
    }
    await timeOf('warm@example.com')
    const [known, unknown] = [[], []] as [number[], number[]]
    for (let n = 0; n < 6; n++) {
      known.push(await timeOf(email))
      unknown.push(await timeOf(`nobody${n}@example.com`))
    }
    const ratio = Math.min(...known) / Math.min(...unknown)
    expect(ratio).toBeGreaterThan(0.5)
    expect(ratio).toBeLessThan(2)
  })

  test('cannot tell either by what is said about a second factor', async () => {
    const user = await people.make('security')
    await people.deps.store.secondFactor.create({
      data: { userId: user.id, envelope: new Uint8Array(64), createdAt: new Date(), confirmedAt: new Date() },
    })
    const answers = await Promise.all(
      [user.email, 'nobody@example.com'].map(async (email) => {
        const { csrfToken, cookie } = await csrf('')
        const answer = await fetch(`${localUrl}/api/auth/callback/credentials`, {
          method: 'POST',
          redirect: 'manual',
          headers: { cookie, 'sec-fetch-site': 'same-origin' },
          body: new URLSearchParams({ email, password: 'wrong', code: '000000', csrfToken, json: 'true' }),
        })
        return [answer.status, await answer.text()]
      }),
    )
    expect(answers[0]).toEqual(answers[1])
  })
})
