import { can, ROLES, type Role } from '../auth/permissions.ts'

/** Who may put a policy in force, and when. Pure. */

const HOUR_MS = 3600_000
/** Time in which somebody may notice what the only approver has approved alone. */
export const ALONE_DELAY_MS = 24 * HOUR_MS
export const PROPOSAL_LIFE_MS = 14 * 24 * HOUR_MS

export type Approver = { id: string; role: Role; disabledAt: Date | null }

export const APPROVER_ROLES: readonly Role[] = ROLES.filter((role) => can(role, 'approve a policy'))

/** A disabled person approves nothing, nor does one whose role was taken away meanwhile. */
export const mayApprove = (person: Approver | undefined): person is Approver =>
  person !== undefined && person.disabledAt === null && can(person.role, 'approve a policy')

export type Ruling =
  | { may: 'at once' }
  | { may: 'after a delay' }
  | { may: 'not'; because: 'not-an-approver' | 'another-person-needed' | 'proposer-left' }

/**
 * What lowers trust needs a second person. Its proposer's approval counts only where nobody else could approve it, and then after a
 * delay. What lowers nothing may be put in force by any approver, its proposer included.
 */
export function ruleOnApproval(about: {
  lowersTrust: boolean
  proposer: Approver | undefined
  approver: Approver | undefined
  /** Everyone who could approve now. */
  approvers: readonly Approver[]
}): Ruling {
  const { lowersTrust, proposer, approver, approvers } = about
  if (!mayApprove(approver)) return { may: 'not', because: 'not-an-approver' }
  if (!lowersTrust) return { may: 'at once' }
  if (proposer === undefined || proposer.disabledAt !== null) return { may: 'not', because: 'proposer-left' }
  if (approver.id !== proposer.id) return { may: 'at once' }
  const hasOthers = approvers.some((other) => other.id !== approver.id && mayApprove(other))
  return hasOthers ? { may: 'not', because: 'another-person-needed' } : { may: 'after a delay' }
}
