import { afterEach, beforeEach, expect, test } from 'vitest'
import { HOUR_MS } from '../../test/support/trust-evidence.ts'
import { type PolicyHouse, startPolicyHouse } from './testing/policy-house.ts'

let house: PolicyHouse
let owner: { id: string }
beforeEach(async () => {
  house = await startPolicyHouse()
  owner = await house.person('owner')
  await house.person('operator')
})
afterEach(() => house.close())

const LOWER = { requireFileVault: false }

test('the only approver must say that nobody else could, and then a day passes', async () => {
  const version = await house.propose(LOWER, owner)
  expect((await house.desk.getVersion(version, owner)).may).toMatchObject({ approve: false, approveAlone: true })
  await expect(house.approve(version, owner)).rejects.toMatchObject({ code: 'conflict' })
  const outcome = await house.approve(version, owner, { alone: true })
  expect(outcome).toEqual({ state: 'waits', notBefore: new Date(house.clock.now().getTime() + 24 * HOUR_MS) })
  house.clock.advance(24 * HOUR_MS - 1)
  await house.service.settle()
  expect(house.policies.current().requireFileVault).toBe(true)
  house.clock.advance(1)
  await house.service.settle()
  expect(house.policies.current()).toMatchObject({ version, requireFileVault: false })
  const approved = await house.store.auditEvent.findFirst({ where: { type: 'policy.approved' } })
  expect(approved?.detail).toMatchObject({ alone: true })
})

test('a second approver who appears meanwhile voids it, and may approve at once', async () => {
  const version = await house.propose(LOWER, owner)
  await house.approve(version, owner, { alone: true })
  const second = await house.person('security')
  house.clock.advance(25 * HOUR_MS)
  await house.service.settle()
  expect(house.policies.current().requireFileVault).toBe(true)
  expect(await house.desk.getVersion(version, second)).toMatchObject({
    state: 'proposed',
    notBefore: null,
    decidedBy: null,
    may: { approve: true },
  })
  expect(await house.approve(version, second)).toMatchObject({ state: 'in force' })
})

test('it does not come in force once the approver is disabled', async () => {
  const version = await house.propose(LOWER, owner)
  await house.approve(version, owner, { alone: true })
  await house.store.user.update({ where: { id: owner.id }, data: { disabledAt: house.clock.now() } })
  house.clock.advance(25 * HOUR_MS)
  await house.service.settle()
  expect(house.policies.current().requireFileVault).toBe(true)
})

test('it can be withdrawn while it waits', async () => {
  const version = await house.propose(LOWER, owner)
  await house.approve(version, owner, { alone: true })
  await house.desk.withdraw({ version, reason: 'On second thoughts.' }, owner)
  house.clock.advance(25 * HOUR_MS)
  await house.service.settle()
  expect(house.policies.current().requireFileVault).toBe(true)
})
