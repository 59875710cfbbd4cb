import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createSecretBox } from '../secrets.ts'
import type { UserRow } from '../store/users.ts'
import { acceptInvitation } from './accept-invitation.ts'
import {
  answerSecondFactor,
  beginSecondFactor,
  confirmNewSecondFactor,
  readSecondFactor,
  removeOwnSecondFactor,
  renewRecoveryCodes,
  rewrapSecondFactors,
} from './second-factor.ts'
import { setSecondFactorRule } from './second-factor-rules.ts'
import { checkSession } from './sessions.ts'
import { signIn } from './sign-in.ts'
import { createSignInLimits } from './sign-in-limits.ts'
import { stepUp } from './step-up.ts'
import { PASSWORD, type PeopleForTests, peopleForTests } from './testing/people.ts'
import { timeStep, totpAt } from './totp.ts'
import { offerReset } from './user-invitations.ts'

let people: PeopleForTests
let owner: UserRow
beforeAll(async () => {
  people = await peopleForTests()
  owner = await people.make('owner')
})
afterAll(() => people.drop())
beforeEach(() => {
  Object.assign(people.deps.limits, createSignInLimits())
  people.later(60_000)
})

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
/** What an authenticator app does with the secret that it is shown. */
function app(secret: string): { code(): string } {
  const bits = [...secret].map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const bytes = Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2))
  return { code: () => totpAt(bytes, timeStep(people.deps.clock.now())) }
}

async function enrolled() {
  const user = await people.make('security')
  const phone = app((await beginSecondFactor(people.deps, user)).secret)
  const { recoveryCodes } = await confirmNewSecondFactor(people.deps, user, phone.code())
  people.later(30_000)
  return { user, phone, recoveryCodes }
}
const comeIn = (user: UserRow, code?: string, ip = '192.0.2.1') =>
  signIn(people.deps, { email: user.email, password: PASSWORD, code, ip, userAgent: 'test' })

describe('a second factor', () => {
  test('is asked for once a first code has confirmed it, and not before', async () => {
    const user = await people.make('security')
    const phone = app((await beginSecondFactor(people.deps, user)).secret)
    expect(await comeIn(user)).toBeDefined()
    await expect(confirmNewSecondFactor(people.deps, user, '000000')).rejects.toMatchObject({ code: 'wrong_code' })
    await confirmNewSecondFactor(people.deps, user, phone.code())
    await expect(comeIn(user)).rejects.toMatchObject({ code: 'second_factor_needed', status: 401 })
    people.later(30_000)
    expect(await comeIn(user, phone.code())).toBeDefined()
    expect((await people.audited(user.id)).map(({ type }) => type)).toContain('user.second-factor-added')
  })

  test('takes a code once: neither again, nor in another session, nor twice at once', async () => {
    const { user, phone } = await enrolled()
    const code = phone.code()
    const answers = await Promise.all([1, 2, 3].map(() => answerSecondFactor(people.deps, { userId: user.id, code })))
    expect(answers.sort()).toEqual(['right', 'wrong', 'wrong'])
    await expect(comeIn(user, code)).rejects.toMatchObject({ code: 'wrong_code' })
  })

  test('the code that confirmed it opens no session', async () => {
    const user = await people.make('security')
    const phone = app((await beginSecondFactor(people.deps, user)).secret)
    const code = phone.code()
    await confirmNewSecondFactor(people.deps, user, code)
    await expect(comeIn(user, code)).rejects.toMatchObject({ code: 'wrong_code' })
  })

  test('is not asked of whoever does not know the password: nothing tells that there is one', async () => {
    const { user } = await enrolled()
    expect(await signIn(people.deps, { email: user.email, password: 'wrong', ip: '192.0.2.1', userAgent: '' })).toBeUndefined()
  })

  test('cannot be guessed at by whoever knows the password, from however many networks', async () => {
    const { user, phone } = await enrolled()
    for (let n = 0; n < 10; n++) await expect(comeIn(user, '000000', `198.51.100.${n}`)).rejects.toMatchObject({ code: 'wrong_code' })
    await expect(comeIn(user, phone.code(), '203.0.113.1')).rejects.toMatchObject({ code: 'too_many_requests' })
  })

  test('a right password alone does not take back what was counted against guesses', async () => {
    const { user } = await enrolled()
    for (let n = 0; n < 5; n++) await comeIn(user).catch(() => undefined)
    await expect(comeIn(user, '000000')).rejects.toMatchObject({ code: 'too_many_requests' })
  })

  test('is needed for a step-up too', async () => {
    const { user, phone } = await enrolled()
    const signedIn = await people.signedIn(user)
    const proof = { signedIn, password: PASSWORD, ip: '192.0.2.1' }
    await expect(stepUp(people.deps, proof)).rejects.toMatchObject({ code: 'second_factor_needed' })
    await stepUp(people.deps, { ...proof, code: phone.code() })
  })

  test('is sealed at rest, for its account alone', async () => {
    const [one, other] = [await enrolled(), await enrolled()]
    const { envelope } = await people.deps.store.secondFactor.findUniqueOrThrow({ where: { userId: one.user.id } })
    await people.deps.store.secondFactor.update({ where: { userId: other.user.id }, data: { envelope } })
    await expect(comeIn(other.user, one.phone.code())).rejects.toThrow(/damaged|another name/)
  })

  test('moves to a new ESPALIER_SECRET at one start with both', async () => {
    const { user, phone } = await enrolled()
    await people.deps.store.secondFactor.deleteMany({ where: { userId: { not: user.id } } })
    const both = createSecretBox('another secret of this test, long enough', ['a secret of this test alone, long enough'])
    await rewrapSecondFactors({ store: people.deps.store, secrets: both })
    const secrets = createSecretBox('another secret of this test, long enough')
    expect(await answerSecondFactor({ ...people.deps, secrets }, { userId: user.id, code: phone.code() })).toBe('right')
  })

  test('cannot be replaced while it stands', async () => {
    const { user } = await enrolled()
    await expect(beginSecondFactor(people.deps, user)).rejects.toMatchObject({ code: 'conflict' })
  })

  test('is removed by its owner, and with a reset link when that says so', async () => {
    const [one, two] = [await enrolled(), await enrolled()]
    await removeOwnSecondFactor(people.deps, one.user)
    expect(await comeIn(one.user)).toBeDefined()

    const reset = async (removesSecondFactor: boolean) => {
      const { link } = await offerReset(people.deps, { userId: two.user.id, removesSecondFactor, by: owner.id })
      await acceptInvitation(people.deps, { token: new URL(link).hash.slice(1), name: 'x', password: PASSWORD, ip: '192.0.2.1' })
    }
    await reset(false)
    await expect(comeIn(two.user)).rejects.toMatchObject({ code: 'second_factor_needed' })
    await reset(true)
    expect(await comeIn(two.user)).toBeDefined()
  })
})

describe('recovery codes', () => {
  test('stand in for a lost phone, each once, however they are typed, and the trail says so', async () => {
    const { user, recoveryCodes } = await enrolled()
    const [first = ''] = recoveryCodes
    expect(recoveryCodes).toHaveLength(10)
    expect(await comeIn(user, ` ${first.toUpperCase().replaceAll('-', ' ')} `)).toBeDefined()
    await expect(comeIn(user, first)).rejects.toMatchObject({ code: 'wrong_code' })
    expect(await readSecondFactor(people.deps, user)).toEqual({ isOn: true, isNeeded: false, recoveryCodesLeft: 9 })
    expect((await people.audited(user.id)).at(-1)).toMatchObject({ type: 'user.recovery-code-used', detail: { left: 9 } })
  })

  test('are kept as hashes, and are nobody else’s', async () => {
    const [one, other] = [await enrolled(), await enrolled()]
    const kept = JSON.stringify(await people.deps.store.recoveryCode.findMany())
    for (const code of one.recoveryCodes) expect(kept).not.toContain(code)
    await expect(comeIn(other.user, one.recoveryCodes[0])).rejects.toMatchObject({ code: 'wrong_code' })
  })

  test('are taken even where somebody’s guesses stopped the codes of the app', async () => {
    const { user, recoveryCodes } = await enrolled()
    for (let n = 0; n < 10; n++) await comeIn(user, '000000', `198.51.100.${n}`).catch(() => undefined)
    expect(await comeIn(user, recoveryCodes[1], '203.0.113.2')).toBeDefined()
  })

  test('made anew end the old ones', async () => {
    const { user, recoveryCodes } = await enrolled()
    const renewed = await renewRecoveryCodes(people.deps, user)
    await expect(comeIn(user, recoveryCodes[0])).rejects.toMatchObject({ code: 'wrong_code' })
    expect(await comeIn(user, renewed.recoveryCodes[0])).toBeDefined()
  })
})

describe('a role that needs a second factor', () => {
  test('is named by owners alone, and binds at the next request whoever lacks one', async () => {
    const admin = await people.make('it_admin')
    const rule = { role: 'auditor', isNeeded: true } as const
    await expect(setSecondFactorRule(people.deps, { ...rule, by: admin.id })).rejects.toMatchObject({ code: 'forbidden' })
    const session = await people.signedIn(await people.make('auditor'))
    expect(session.lacksSecondFactor).toBe(false)
    await setSecondFactorRule(people.deps, { ...rule, by: owner.id })
    expect((await checkSession(people.deps, session.sessionId))?.lacksSecondFactor).toBe(true)

    const phone = app((await beginSecondFactor(people.deps, session.user)).secret)
    await confirmNewSecondFactor(people.deps, session.user, phone.code())
    expect((await checkSession(people.deps, session.sessionId))?.lacksSecondFactor).toBe(false)
    await expect(removeOwnSecondFactor(people.deps, session.user)).rejects.toMatchObject({ code: 'conflict' })
    await setSecondFactorRule(people.deps, { ...rule, isNeeded: false, by: owner.id })
    await removeOwnSecondFactor(people.deps, session.user)
  })
})
