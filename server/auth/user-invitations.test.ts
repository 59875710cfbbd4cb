import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { acceptInvitation, lookAtInvitation } from './accept-invitation.ts'
import { changeRole, disablePerson } from './people.ts'
import { checkSession } from './sessions.ts'
import { signIn } from './sign-in.ts'
import { createSignInLimits } from './sign-in-limits.ts'
import { PASSWORD, type PeopleForTests, peopleForTests } from './testing/people.ts'
import { INVITATION_LIFE_MS, invitePerson, listInvitations, offerReset, reissueInvitation, revokeInvitation } from './user-invitations.ts'

let people: PeopleForTests
let ownerId: string
let invited = 0
beforeAll(async () => {
  people = await peopleForTests()
  ownerId = (await people.make('owner')).id
})
afterAll(() => people.drop())
beforeEach(() => Object.assign(people.deps.limits, createSignInLimits()))

const NEW_PASSWORD = 'quite another password'
const ip = '192.0.2.1'
const tokenOf = (link: string): string => new URL(link).hash.slice(1)
const invite = async (role: 'viewer' | 'it_admin' | 'owner' = 'viewer', by = ownerId) => {
  const email = `new${invited++}@example.com`
  const offer = await invitePerson(people.deps, { email, role, by })
  return { ...offer, email, token: tokenOf(offer.link) }
}
const accept = (token: string, password = NEW_PASSWORD, from = ip) =>
  acceptInvitation(people.deps, { token, name: 'Grace Hopper', password, ip: from })
const comesIn = async (email: string, password: string) =>
  (await signIn(people.deps, { email, password, ip, userAgent: 'test' })) !== undefined

describe('an invitation', () => {
  test('makes an account with the role that was chosen, a name and a password of the person’s own', async () => {
    const { token, email, id } = await invite()
    expect(await lookAtInvitation(people.deps, { token, ip })).toMatchObject({ purpose: 'join', email, role: 'viewer', name: null })
    expect(await accept(token)).toEqual({ email })
    expect(await comesIn(email, NEW_PASSWORD)).toBe(true)
    const user = await people.deps.store.user.findUniqueOrThrow({ where: { email } })
    expect(user).toMatchObject({ name: 'Grace Hopper', role: 'viewer' })
    expect(await people.audited(user.id)).toEqual([
      { type: 'user.joined', actor: `user:${user.id}`, detail: { invitation: id, role: 'viewer' } },
    ])
  })

  test('is kept as a hash alone, and its token stands in no audit event', async () => {
    const { token, id } = await invite()
    const row = await people.deps.store.userInvitation.findUniqueOrThrow({ where: { id } })
    expect(JSON.stringify(row)).not.toContain(token)
    expect(JSON.stringify(await people.deps.store.auditEvent.findMany())).not.toContain(token)
    expect(JSON.stringify(await listInvitations(people.deps))).not.toContain(token)
  })

  test('cannot be used twice', async () => {
    const { token, email } = await invite()
    await accept(token)
    await expect(accept(token, 'a third good password')).rejects.toMatchObject({ code: 'gone' })
    expect(await comesIn(email, NEW_PASSWORD)).toBe(true)
  })

  test('used by several at once makes one account', async () => {
    const { token, email } = await invite()
    const results = await Promise.allSettled(Array.from({ length: 4 }, (_, n) => accept(token, `password of racer ${n}`)))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await people.deps.store.user.count({ where: { email } })).toBe(1)
  })

  test('ends after 72 hours', async () => {
    const { token } = await invite()
    people.later(INVITATION_LIFE_MS - 1)
    await lookAtInvitation(people.deps, { token, ip })
    people.later(1)
    await expect(accept(token)).rejects.toMatchObject({ code: 'gone' })
  })

  test('can be withdrawn, and made anew: then the old link is dead', async () => {
    const first = await invite()
    const second = await reissueInvitation(people.deps, { id: first.id, by: ownerId })
    await expect(accept(first.token)).rejects.toMatchObject({ code: 'gone' })
    await revokeInvitation(people.deps, { id: second.id, by: ownerId })
    await expect(accept(tokenOf(second.link))).rejects.toMatchObject({ code: 'gone' })
    await expect(revokeInvitation(people.deps, { id: second.id, by: ownerId })).rejects.toMatchObject({ code: 'conflict' })
  })

  test('answers alike for a guessed, a used, a withdrawn and an expired link', async () => {
    const [used, withdrawn, expired] = [await invite(), await invite(), await invite()]
    await accept(used.token)
    await revokeInvitation(people.deps, { id: withdrawn.id, by: ownerId })
    await people.deps.store.userInvitation.update({ where: { id: expired.id }, data: { expiresAt: people.deps.clock.now() } })
    const answers = await Promise.all(
      ['A'.repeat(43), used.token, withdrawn.token, expired.token].map((token) =>
        lookAtInvitation(people.deps, { token, ip }).catch(({ code, publicText }) => ({ code, publicText })),
      ),
    )
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    expect(answers[0]).toMatchObject({ code: 'gone' })
  })

  test('cannot be guessed at without end: twenty wrong links stop a network, and no other', async () => {
    const { token } = await invite()
    const guess = () => lookAtInvitation(people.deps, { token: 'B'.repeat(43), ip: '198.51.100.1' })
    for (let n = 0; n < 20; n++) await expect(guess()).rejects.toMatchObject({ code: 'gone' })
    await expect(accept(token, NEW_PASSWORD, '198.51.100.1')).rejects.toMatchObject({ code: 'too_many_requests' })
    await accept(token)
  })

  test('refuses a password that is too short or says the address, and stays good', async () => {
    const { token, email } = await invite()
    for (const password of ['elevenchars', email]) await expect(accept(token, password)).rejects.toMatchObject({ code: 'invalid_request' })
    await accept(token)
  })

  test('reaches no further than whoever makes it: an IT admin invites no owner', async () => {
    const admin = await people.make('it_admin')
    await expect(invite('owner', admin.id)).rejects.toMatchObject({ code: 'forbidden' })
    expect((await invite('it_admin', admin.id)).id).toMatch(/^inv_/)
  })

  test('dies with the reach of whoever made it: nobody leaves a back door behind', async () => {
    const [disabled, demoted] = [await people.make('it_admin'), await people.make('owner')]
    const [one, two] = [await invite('it_admin', disabled.id), await invite('owner', demoted.id)]
    await disablePerson(people.deps, { userId: disabled.id, by: ownerId })
    await changeRole(people.deps, { userId: demoted.id, role: 'it_admin', by: ownerId })
    for (const { token } of [one, two]) await expect(accept(token)).rejects.toMatchObject({ code: 'gone' })
  })

  test('is not made for an address that has an account', async () => {
    const viewer = await people.make('viewer')
    const again = invitePerson(people.deps, { email: viewer.email.toUpperCase(), role: 'viewer', by: ownerId })
    await expect(again).rejects.toMatchObject({ code: 'conflict', param: 'email' })
  })
})

describe('a reset link', () => {
  test('replaces the password and ends every session; the old one is good until then', async () => {
    const viewer = await people.make('viewer')
    const session = await people.signedIn(viewer)
    const { link } = await offerReset(people.deps, { userId: viewer.id, removesSecondFactor: false, by: ownerId })
    expect(await comesIn(viewer.email, PASSWORD)).toBe(true)
    await acceptInvitation(people.deps, { token: tokenOf(link), name: 'Ignored', password: NEW_PASSWORD, ip })
    expect(await comesIn(viewer.email, PASSWORD)).toBe(false)
    expect(await comesIn(viewer.email, NEW_PASSWORD)).toBe(true)
    expect(await checkSession(people.deps, session.sessionId)).toBeUndefined()
    expect((await people.deps.store.user.findUniqueOrThrow({ where: { id: viewer.id } })).name).toBe(viewer.name)
    await expect(accept(tokenOf(link))).rejects.toMatchObject({ code: 'gone' })
  })

  test('of an owner is made by owners alone, and not for oneself', async () => {
    const [admin, other] = [await people.make('it_admin'), await people.make('owner')]
    const wish = { userId: other.id, removesSecondFactor: false }
    await expect(offerReset(people.deps, { ...wish, by: admin.id })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(offerReset(people.deps, { ...wish, by: other.id })).rejects.toMatchObject({ code: 'conflict' })
    await offerReset(people.deps, { ...wish, by: ownerId })
  })

  test('that an IT admin made dies when the person becomes an owner', async () => {
    const [admin, viewer] = [await people.make('it_admin'), await people.make('viewer')]
    const { link } = await offerReset(people.deps, { userId: viewer.id, removesSecondFactor: false, by: admin.id })
    await changeRole(people.deps, { userId: viewer.id, role: 'owner', by: ownerId })
    await expect(accept(tokenOf(link))).rejects.toMatchObject({ code: 'gone' })
  })

  test('is dead once the account is disabled, also after it is enabled again', async () => {
    const viewer = await people.make('viewer')
    const { link } = await offerReset(people.deps, { userId: viewer.id, removesSecondFactor: false, by: ownerId })
    await disablePerson(people.deps, { userId: viewer.id, by: ownerId })
    await people.deps.store.user.update({ where: { id: viewer.id }, data: { disabledAt: null } })
    await expect(accept(tokenOf(link))).rejects.toMatchObject({ code: 'gone' })
  })
})
