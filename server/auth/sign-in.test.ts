import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { createSecretBox } from '../secrets.ts'
import { createUser } from '../store/users.ts'
import { hashPassword } from './passwords.ts'
import { signIn } from './sign-in.ts'
import { createSignInLimits, type SignInLimits } from './sign-in-limits.ts'

const PASSWORD = 'a long enough password'
const secrets = createSecretBox('a secret of this test alone, long enough')
const email = 'admin@example.com'
let database: TestDatabase
let limits: SignInLimits
let now = Date.now()

beforeAll(async () => {
  database = await testDatabase()
  await createUser(database.store, { email, name: 'A', role: 'owner', passwordHash: await hashPassword(PASSWORD), createdAt: new Date() })
})
afterAll(() => database.drop())
beforeEach(() => {
  limits = createSignInLimits()
})

async function attempt(ip: string, password: string, as = email): Promise<'in' | 'wrong' | 'limited'> {
  const clock = { now: () => new Date(now) }
  try {
    const result = await signIn({ store: database.store, clock, limits, secrets }, { email: as, password, ip, userAgent: 'test' })
    return result === undefined ? 'wrong' : 'in'
  } catch (error) {
    expect(error).toMatchObject({ code: 'too_many_requests' })
    return 'limited'
  }
}

/** Failures without the cost of their hashes. */
function guessedFrom(networks: number): void {
  for (let n = 0; n < networks; n++) limits.account.failed(email, `198.51.100.${n}`, new Date(now))
}

describe('signing in', () => {
  test('nobody locks the owner out by guessing from elsewhere', async () => {
    guessedFrom(200)
    expect(await attempt('192.0.2.1', PASSWORD)).toBe('in')
  })

  test('a network that has failed waits once the account was guessed at from many', async () => {
    guessedFrom(12)
    expect(await attempt('192.0.2.1', 'wrong')).toBe('wrong')
    expect(await attempt('192.0.2.1', PASSWORD)).toBe('limited')
    now += 60_000
    expect(await attempt('192.0.2.1', PASSWORD)).toBe('in')
  })

  test('five failures at one account end the attempts of that network there', async () => {
    for (let n = 0; n < 5; n++) expect(await attempt('192.0.2.1', 'wrong')).toBe('wrong')
    expect(await attempt('192.0.2.1', PASSWORD)).toBe('limited')
    expect(await attempt('192.0.2.2', PASSWORD)).toBe('in')
  })

  test('the addresses of one IPv6 /64 are one network', async () => {
    for (let n = 0; n < 5; n++) expect(await attempt(`2001:db8::${n}`, 'wrong')).toBe('wrong')
    expect(await attempt('2001:db8::ffff', PASSWORD)).toBe('limited')
    expect(await attempt('2001:db8:0:1::1', PASSWORD)).toBe('in')
  })

  test('fifty failures at many accounts end the attempts of a network', async () => {
    for (let n = 0; n < 50; n++) limits.perNetwork.failed('192.0.2.1', new Date(now))
    expect(await attempt('192.0.2.1', PASSWORD)).toBe('limited')
    expect(await attempt('192.0.2.2', PASSWORD)).toBe('in')
  })
})
