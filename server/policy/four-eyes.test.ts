import { describe, expect, test } from 'vitest'
import { ROLES } from '../auth/permissions.ts'
import { APPROVER_ROLES, type Approver, mayApprove, ruleOnApproval } from './four-eyes.ts'

const person = (id: string, changes: Partial<Approver> = {}): Approver => ({ id, role: 'security', disabledAt: null, ...changes })
const [ann, bob] = [person('ann'), person('bob')]
const rule = (changes: Partial<Parameters<typeof ruleOnApproval>[0]>) =>
  ruleOnApproval({ lowersTrust: true, proposer: ann, approver: bob, approvers: [ann, bob], ...changes })

describe('who puts a policy in force', () => {
  test('another approver does, at once', () => expect(rule({})).toEqual({ may: 'at once' }))

  test('the proposer does not, where it lowers trust and another could', () => {
    expect(rule({ approver: ann })).toEqual({ may: 'not', because: 'another-person-needed' })
  })

  test('the proposer does, where it lowers nothing', () => expect(rule({ approver: ann, lowersTrust: false })).toEqual({ may: 'at once' }))

  test('the only approver does, after a delay', () => {
    expect(rule({ approver: ann, approvers: [ann] })).toEqual({ may: 'after a delay' })
    expect(rule({ approver: ann, approvers: [ann, person('eve', { disabledAt: new Date() })] })).toEqual({ may: 'after a delay' })
  })

  test('nobody does whose account is disabled, or whose role approves nothing', () => {
    expect(rule({ approver: person('bob', { disabledAt: new Date() }) })).toEqual({ may: 'not', because: 'not-an-approver' })
    expect(rule({ approver: person('bob', { role: 'operator' }) })).toEqual({ may: 'not', because: 'not-an-approver' })
    expect(rule({ approver: undefined, lowersTrust: false })).toEqual({ may: 'not', because: 'not-an-approver' })
  })

  test('nobody does for a proposer who has gone', () => {
    expect(rule({ proposer: person('ann', { disabledAt: new Date() }) })).toEqual({ may: 'not', because: 'proposer-left' })
    expect(rule({ proposer: undefined })).toEqual({ may: 'not', because: 'proposer-left' })
  })

  test('only owners, IT admins and security approve at all', () => {
    expect(APPROVER_ROLES).toEqual(['owner', 'it_admin', 'security'])
    expect(ROLES.filter((role) => mayApprove(person('x', { role })))).toEqual(APPROVER_ROLES)
  })
})
