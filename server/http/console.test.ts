import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { desksWithoutMacs } from '../../test/support/console-desks.ts'
import { fleetOfValues } from '../../test/support/fleet-values.ts'
import { macActionsWithoutMdm } from '../../test/support/mac-actions.ts'
import { NO_REVOCATIONS } from '../../test/support/no-revocations.ts'
import { policyDeskOn } from '../../test/support/policy-desk.ts'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { pushDeskIn } from '../../test/support/push-desk.ts'
import { createApiKeyCache } from '../auth/api-key-cache.ts'
import { hashPassword } from '../auth/passwords.ts'
import { createSignInLimits } from '../auth/sign-in-limits.ts'
import { createSecretBox } from '../secrets.ts'
import { createUser, disableUser } from '../store/users.ts'
import { consoleApi } from './console.ts'

const PASSWORD = 'a long enough password'
let database: TestDatabase
let policy: Awaited<ReturnType<typeof policyDeskOn>>
let passwordHash: string
let app: FastifyInstance
let url: string
let email: string
let userId: string
let person = 0

beforeAll(async () => {
  database = await testDatabase()
  policy = await policyDeskOn(database.store)
  passwordHash = await hashPassword(PASSWORD)
})
afterAll(async () => {
  await policy.close()
  await database.drop()
})

beforeEach(async () => {
  email = `admin${person++}@example.com`
  const admin = { email, name: 'Admin', role: 'owner', passwordHash, createdAt: new Date() } as const
  userId = (await createUser(database.store, admin)).id
  app = Fastify()
  const publicUrl = new URL('http://localhost:3200')
  await app.register(consoleApi, {
    store: database.store,
    clock: { now: () => new Date() },
    cache: createApiKeyCache(),
    revocations: NO_REVOCATIONS,
    limits: createSignInLimits(),
    secrets: createSecretBox('a secret of this test alone, long enough'),
    mode: 'evaluation',
    publicUrl,
    secret: 'a secret of this test alone',
    fleet: fleetOfValues({ now: new Date() }),
    macActions: macActionsWithoutMdm(database.store),
    push: pushDeskIn(database.store),
    ...desksWithoutMacs(database.store),
    policy: policy.desk,
    log: { warn() {} },
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
})
afterEach(() => app.close())

/** A browser's two habits that matter here: it keeps cookies, and says where a request comes from. */
function browser() {
  const jar = new Map<string, string>()
  async function send(path: string, init: { form?: Record<string, string>; json?: unknown; headers?: Record<string, string> } = {}) {
    const body = init.form ? new URLSearchParams(init.form) : init.json === undefined ? undefined : JSON.stringify(init.json)
    const response = await fetch(url + path, {
      method: body === undefined ? 'GET' : 'POST',
      redirect: 'manual',
      headers: {
        cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
        'sec-fetch-site': 'same-origin',
        ...(init.json === undefined ? {} : { 'content-type': 'application/json' }),
        ...init.headers,
      },
      ...(body === undefined ? {} : { body }),
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (name !== undefined && value !== undefined) jar.set(name, value)
    }
    return response
  }
  async function signIn(credentials: { email: string; password: string }, headers: Record<string, string> = {}) {
    const { csrfToken } = (await (await send('/api/auth/csrf')).json()) as { csrfToken: string }
    return send('/api/auth/callback/credentials', { form: { ...credentials, csrfToken, json: 'true' }, headers })
  }
  return { jar, send, signIn }
}

describe('signing in over HTTP', () => {
  test('the right password gives a session with which the console API answers', async () => {
    const { send, signIn } = browser()
    const answer = await signIn({ email: email.toUpperCase(), password: PASSWORD })
    expect(answer.status).toBe(200)
    const cookie = answer.headers.getSetCookie().find((line) => line.startsWith('next-auth.session-token=')) ?? ''
    expect(cookie).toMatch(/HttpOnly/i)
    expect(cookie).toMatch(/SameSite=Lax/i)
    const session = (await (await send('/trpc/session.getSession')).json()) as { result: { data: { user: object; may: string[] } } }
    expect(session.result.data.user).toEqual({ id: userId, email, name: 'Admin', role: 'owner' })
  })

  test('a wrong password, an unknown address and a disabled account are refused alike', async () => {
    const disabled = await createUser(database.store, {
      email: `off${email}`,
      name: 'x',
      role: 'owner',
      passwordHash,
      createdAt: new Date(),
    })
    await disableUser(database.store, disabled.id, new Date())
    const attempts = [
      { email, password: 'not this one at all' },
      { email: 'nobody@example.com', password: PASSWORD },
      { email: `off${email}`, password: PASSWORD },
    ]
    for (const attempt of attempts) {
      const { jar, signIn } = browser()
      const answer = await signIn(attempt)
      expect(answer.status).toBe(401)
      expect(await answer.json()).toEqual({ url: expect.stringContaining('error=CredentialsSignin') })
      expect(jar.has('next-auth.session-token')).toBe(false)
    }
  })

  test('after five wrong passwords even the right one has to wait', async () => {
    const { signIn } = browser()
    for (let attempt = 0; attempt < 5; attempt++) await signIn({ email, password: 'not this one at all' })
    const answer = await signIn({ email, password: PASSWORD })
    expect(await answer.json()).toEqual({ url: expect.stringContaining('error=too_many_requests') })
  })

  test('without the CSRF token nobody is signed in', async () => {
    const { jar, send } = browser()
    await send('/api/auth/csrf')
    await send('/api/auth/callback/credentials', { form: { email, password: PASSWORD, csrfToken: 'guessed', json: 'true' } })
    expect(jar.has('next-auth.session-token')).toBe(false)
  })

  test('a sign-in from another site is refused', async () => {
    const answer = await browser().signIn({ email, password: PASSWORD }, { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' })
    expect(answer.status).toBe(403)
  })

  test('signing out ends the session itself, not only the cookie', async () => {
    const { jar, send, signIn } = browser()
    await signIn({ email, password: PASSWORD })
    const token = jar.get('next-auth.session-token') as string
    const { csrfToken } = (await (await send('/api/auth/csrf')).json()) as { csrfToken: string }
    await send('/api/auth/signout', { form: { csrfToken, json: 'true' } })
    jar.set('next-auth.session-token', token)
    expect((await send('/trpc/session.getSession')).status).toBe(401)
  })
})

describe('the console API over HTTP', () => {
  test('refuses whoever has no session, with our code', async () => {
    const answer = await browser().send('/trpc/macs.listMacs?input=%7B%7D')
    expect(answer.status).toBe(401)
    expect(await answer.json()).toMatchObject({ error: { message: 'Sign in first.', data: { code: 'not_signed_in', retryable: false } } })
  })

  test('a tampered cookie is no session', async () => {
    const { jar, send, signIn } = browser()
    await signIn({ email, password: PASSWORD })
    jar.set('next-auth.session-token', `${jar.get('next-auth.session-token')?.slice(0, -4)}AAAA`)
    expect((await send('/trpc/session.getSession')).status).toBe(401)
  })

  test('a mutation from another site is refused although the cookie is right', async () => {
    const { send, signIn } = browser()
    await signIn({ email, password: PASSWORD })
    const invite = { json: { serial: 'C02ABCDEFGH1' } }
    expect((await send('/trpc/macs.inviteMac', invite)).status).toBe(200)
    for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example' }]) {
      expect((await send('/trpc/macs.inviteMac', { ...invite, headers })).status).toBe(403)
    }
  })

  test('a revoked session is refused at the next request', async () => {
    const { send, signIn } = browser()
    await signIn({ email, password: PASSWORD })
    type Sessions = { result: { data: { id: string; isThisOne: boolean }[] } }
    const sessions = (await (await send('/trpc/session.listMySessions')).json()) as Sessions
    expect(sessions.result.data).toMatchObject([{ isThisOne: true }])
    expect((await send('/trpc/session.revokeSession', { json: { id: sessions.result.data[0]?.id } })).status).toBe(200)
    expect((await send('/trpc/session.getSession')).status).toBe(401)
  })

  test('bad input names the parameter and is never a 5xx', async () => {
    const { send, signIn } = browser()
    await signIn({ email, password: PASSWORD })
    const answer = await send('/trpc/macs.inviteMac', { json: { serial: '!' } })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ error: { data: { code: 'invalid_request', param: 'serial' } } })
    const broken = await send('/trpc/macs.inviteMac', { json: {}, headers: { 'content-type': 'text/plain' } })
    expect(broken.status).toBeLessThan(500)
    expect((await send('/trpc/macs.noSuchThing')).status).toBe(404)
  })
})
