import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HOUR_MS } from '../../test/support/trust-evidence.ts'
import { insertUserInvitation, markInvitationUsed } from '../store/user-invitations.ts'
import { type PolicyHouse, startPolicyHouse } from './testing/policy-house.ts'
import { policyWatchers } from './watchers.ts'

const DAY_MS = 24 * HOUR_MS

describe('an approval of what lowers trust', () => {
  let house: PolicyHouse
  beforeEach(async () => {
    house = await startPolicyHouse()
  })
  afterEach(() => house.close())

  const told = async () => (await policyWatchers(house)[0]?.look())?.map(({ subject }) => subject)

  async function link(by: { id: string }, account: { id: string }): Promise<void> {
    const at = house.clock.now()
    const fields = { purpose: 'join', role: 'security', userId: null, removesSecondFactor: false } as const
    const { id } = await insertUserInvitation(house.store, {
      ...{
        ...fields,
        email: `${account.id}@example.com`,
        invitedById: by.id,
        createdAt: at,
        expiresAt: new Date(at.getTime() + 72 * HOUR_MS),
      },
      tokenHash: new TextEncoder().encode(`${by.id}${account.id}`),
    })
    await markInvitationUsed(house.store, id, { at, userId: account.id })
  }

  test('by an account that its proposer has just made is told to everybody', async () => {
    const [proposer, puppet] = [await house.person('it_admin'), await house.person('security')]
    await link(proposer, puppet)
    const version = await house.propose({ requireFileVault: false }, proposer)
    await house.approve(version, puppet)
    expect(await told()).toEqual([`policy:${version}`])
    house.clock.advance(31 * DAY_MS)
    expect(await told()).toEqual([])
  })

  test('by the maker of the account that proposed it is, too', async () => {
    const [maker, puppet] = [await house.person('owner'), await house.person('security')]
    await link(maker, puppet)
    const version = await house.propose({ requireFileVault: false }, puppet)
    await house.approve(version, maker)
    expect(await told()).toEqual([`policy:${version}`])
  })

  test('by somebody else, by an account made long before, or of what lowers nothing, is not', async () => {
    const [proposer, colleague, other] = [await house.person('it_admin'), await house.person('security'), await house.person('owner')]
    await link(proposer, colleague)
    await house.approve(await house.propose({ requireFileVault: false }, proposer), other)
    await house.approve(await house.propose({ requireFileVault: true }, proposer), colleague)
    house.clock.advance(8 * DAY_MS)
    await house.approve(await house.propose({ requireFileVault: false }, proposer), colleague)
    expect(await told()).toEqual([])
  })
})
