import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { checkSession, type SignedIn } from './sessions.ts'
import { createSignInLimits } from './sign-in-limits.ts'
import { hasSteppedUp, STEP_UP_MS, stepUp } from './step-up.ts'
import { PASSWORD, type PeopleForTests, peopleForTests } from './testing/people.ts'

let people: PeopleForTests
beforeAll(async () => {
  people = await peopleForTests()
})
afterAll(() => people.drop())
beforeEach(() => Object.assign(people.deps.limits, createSignInLimits()))

const again = async (session: SignedIn) => (await checkSession(people.deps, session.sessionId)) as SignedIn
const isUp = async (session: SignedIn) => hasSteppedUp(await again(session), people.deps.clock.now())
const prove = (signedIn: SignedIn, password: string, ip = '192.0.2.1') => stepUp(people.deps, { signedIn, password, ip })

describe('step-up', () => {
  test('signing in counts as one, for ten minutes and not a moment longer', async () => {
    const session = await people.signedIn(await people.make('owner'))
    people.later(STEP_UP_MS - 1)
    expect(await isUp(session)).toBe(true)
    people.later(1)
    expect(await isUp(session)).toBe(false)
  })

  test('the password proves it again, and the trail says so', async () => {
    const session = await people.signedIn(await people.make('owner'))
    people.later(STEP_UP_MS)
    await prove(session, PASSWORD)
    expect(await isUp(session)).toBe(true)
    expect((await people.audited(session.sessionId)).map(({ type }) => type)).toContain('session.stepped-up')
  })

  test('of one session does not step up another of the same person', async () => {
    const user = await people.make('owner')
    const [one, other] = [await people.signedIn(user), await people.signedIn(user)]
    people.later(STEP_UP_MS)
    await prove(one, PASSWORD)
    expect([await isUp(one), await isUp(other)]).toEqual([true, false])
  })

  test('a wrong password is refused, and the trail says so', async () => {
    const session = await people.signedIn(await people.make('owner'))
    people.later(STEP_UP_MS)
    await expect(prove(session, 'not this one at all')).rejects.toMatchObject({ code: 'wrong_password', status: 403 })
    expect(await isUp(session)).toBe(false)
    expect((await people.audited(session.sessionId)).map(({ type }) => type)).toContain('session.step-up-refused')
  })

  test('somebody else’s password is a wrong one', async () => {
    const session = await people.signedIn(await people.make('owner'))
    await people.deps.store.user.update({ where: { id: session.user.id }, data: { passwordHash: null } })
    await expect(prove(session, PASSWORD)).rejects.toMatchObject({ code: 'wrong_password' })
  })

  test('guessing is limited as signing in is, together with it', async () => {
    const session = await people.signedIn(await people.make('owner'))
    for (let n = 0; n < 5; n++) await expect(prove(session, 'wrong', '192.0.2.9')).rejects.toMatchObject({ code: 'wrong_password' })
    await expect(prove(session, PASSWORD, '192.0.2.9')).rejects.toMatchObject({ code: 'too_many_requests' })
  })

  test('many at once do not get past the limit', async () => {
    const session = await people.signedIn(await people.make('owner'))
    const answers = await Promise.allSettled(Array.from({ length: 12 }, () => prove(session, 'wrong', '192.0.2.8')))
    const refused = answers.filter((answer) => answer.status === 'rejected' && answer.reason.code === 'wrong_password')
    expect(refused.length).toBeLessThanOrEqual(5)
  })

  test('a session that has ended cannot be stepped up', async () => {
    const session = await people.signedIn(await people.make('owner'))
    await people.deps.store.session.update({ where: { id: session.sessionId }, data: { revokedAt: people.deps.clock.now() } })
    await expect(prove(session, PASSWORD)).rejects.toMatchObject({ code: 'not_signed_in' })
  })

  test('a proof from the future, or none, is none', () => {
    const now = new Date()
    expect(hasSteppedUp({ steppedUpAt: null }, now)).toBe(false)
    expect(hasSteppedUp({ steppedUpAt: new Date(now.getTime() + STEP_UP_MS) }, now)).toBe(false)
  })
})
