import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { acceptInvitation } from './accept-invitation.ts'
import { changePassword } from './change-password.ts'
import { resetOwner } from './reset-owner.ts'
import { checkSession, endOtherSessions } from './sessions.ts'
import { signIn } from './sign-in.ts'
import { createSignInLimits } from './sign-in-limits.ts'
import { PASSWORD, type PeopleForTests, peopleForTests } from './testing/people.ts'

let people: PeopleForTests
beforeAll(async () => {
  people = await peopleForTests()
})
afterAll(() => people.drop())
beforeEach(() => Object.assign(people.deps.limits, createSignInLimits()))

const ip = '192.0.2.1'
const NEW_PASSWORD = 'quite another password'
const stands = async (session: { sessionId: string }) => (await checkSession(people.deps, session.sessionId)) !== undefined

describe('changing one’s own password', () => {
  test('ends every other session, and the old password with them', async () => {
    const user = await people.make('operator')
    const [here, there] = [await people.signedIn(user), await people.signedIn(user)]
    const change = { signedIn: here, oldPassword: PASSWORD, newPassword: NEW_PASSWORD, ip }
    expect(await changePassword(people.deps, change)).toEqual({ sessionsEnded: 1 })
    expect([await stands(here), await stands(there)]).toEqual([true, false])
    const attempt = (password: string) => signIn(people.deps, { email: user.email, password, ip, userAgent: '' })
    expect(await attempt(PASSWORD)).toBeUndefined()
    expect(await attempt(NEW_PASSWORD)).toBeDefined()
  })

  test('needs the old one: a stolen session does not take the account over, nor guess', async () => {
    const signedIn = await people.signedIn(await people.make('operator'))
    const guess = () => changePassword(people.deps, { signedIn, oldPassword: 'wrong', newPassword: NEW_PASSWORD, ip })
    for (let n = 0; n < 5; n++) await expect(guess()).rejects.toMatchObject({ code: 'wrong_password' })
    const right = changePassword(people.deps, { signedIn, oldPassword: PASSWORD, newPassword: NEW_PASSWORD, ip })
    await expect(right).rejects.toMatchObject({ code: 'too_many_requests' })
    expect((await people.audited(signedIn.user.id)).map(({ type }) => type)).toContain('user.password-change-refused')
  })

  test('refuses a weak password, and the old one again', async () => {
    const signedIn = await people.signedIn(await people.make('operator'))
    for (const newPassword of ['elevenchars', signedIn.user.email, PASSWORD])
      await expect(changePassword(people.deps, { signedIn, oldPassword: PASSWORD, newPassword, ip })).rejects.toMatchObject({
        code: 'invalid_request',
      })
  })

  test('of two at once one alone succeeds', async () => {
    const signedIn = await people.signedIn(await people.make('operator'))
    const change = (newPassword: string) => changePassword(people.deps, { signedIn, oldPassword: PASSWORD, newPassword, ip })
    const results = await Promise.allSettled([change('the first new password'), change('the second new password')])
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })
})

test('all my other sessions end at once, and mine alone', async () => {
  const user = await people.make('operator')
  const stranger = await people.signedIn(await people.make('operator'))
  const [here, there, elsewhere] = [await people.signedIn(user), await people.signedIn(user), await people.signedIn(user)]
  expect(await endOtherSessions(people.deps, here)).toBe(2)
  expect(await Promise.all([here, there, elsewhere, stranger].map(stands))).toEqual([true, false, false, true])
})

describe('the machine’s own reset of an owner', () => {
  test('offers a link that nobody’s role has to back, enables the owner, and is in the trail', async () => {
    const owner = await people.make('owner')
    await people.deps.store.user.update({ where: { id: owner.id }, data: { disabledAt: new Date() } })
    const reset = await resetOwner(people.deps, { email: undefined, removesSecondFactor: true })
    if (reset.outcome !== 'offered') throw new Error(reset.outcome)
    expect(reset).toMatchObject({ email: owner.email, wasDisabled: true })
    const token = new URL(reset.offer.link).hash.slice(1)
    await acceptInvitation(people.deps, { token, name: 'x', password: NEW_PASSWORD, ip })
    expect(await signIn(people.deps, { email: owner.email, password: NEW_PASSWORD, ip, userAgent: '' })).toBeDefined()
    const trail = await people.audited(owner.id)
    expect(trail.map(({ type, actor }) => [type, actor])).toEqual([
      ['user.enabled', 'system'],
      ['user.reset-offered', 'system'],
      ['user.password-changed', `user:${owner.id}`],
    ])
  })

  test('asks which owner when there are several, and makes nobody an owner', async () => {
    const [one, viewer] = [await people.make('owner'), await people.make('viewer')]
    expect(await resetOwner(people.deps, { email: undefined, removesSecondFactor: false })).toMatchObject({
      outcome: 'ambiguous',
      owners: expect.arrayContaining([one.email]),
    })
    const refused = await resetOwner(people.deps, { email: viewer.email, removesSecondFactor: false })
    expect(refused.outcome).toBe('no-such-owner')
  })
})
