import type { Policy } from '../attestation/policy.ts'
import { AppError } from '../errors.ts'
import type { Db, Store } from '../store/client.ts'
import { findPolicyInForce, findPolicyVersion, lockPolicies, type PolicyVersionRow } from '../store/policies.ts'
import { findPeople, findPooledMacs, listActivePeople } from '../store/policy-fleet.ts'
import { findPolicyPreview } from '../store/policy-previews.ts'
import { differences } from './differences.ts'
import { readPolicy } from './document.ts'
import { Moves } from './draft.ts'
import { APPROVER_ROLES, mayApprove, ruleOnApproval } from './four-eyes.ts'

/** What every step of a policy's journey must find as it expects it, read under the lock. */

/** One change at a time in all replicas, and a thousand moves of Macs in one transaction. */
export const changing = <T>(store: Store, work: (tx: Db) => Promise<T>): Promise<T> =>
  store.$transaction(
    async (tx) => {
      await lockPolicies(tx)
      return work(tx)
    },
    { maxWait: 10_000, timeout: 30_000 },
  )

/** A preview says what a decision will do only while the fleet is still about what it was. */
const PREVIEW_COUNTS_MS = 30 * 60_000

export async function livingProposal(tx: Db, version: number, at: Date): Promise<PolicyVersionRow> {
  const row = await findPolicyVersion(tx, version)
  if (row === undefined) throw new AppError('not_found', { public: 'There is no such version of the policy.' })
  if (row.state !== 'proposed') throw new AppError('conflict', { public: `Version ${version} is decided already.` })
  if (row.expiresAt !== null && row.expiresAt <= at)
    throw new AppError('conflict', { public: `The proposal has lapsed. Propose it again.` })
  return row
}

export async function measuredPreview(tx: Db, id: string, at: Date) {
  const preview = await findPolicyPreview(tx, id)
  if (preview?.state !== 'done')
    throw new AppError('conflict', { public: 'Look at the impact first: there is no finished preview of that id.' })
  if (at.getTime() - preview.updatedAt.getTime() > PREVIEW_COUNTS_MS)
    throw new AppError('conflict', { public: 'The preview is more than half an hour old. Look at the impact again.' })
  return preview
}

/** Two people who change the same policy must not undo one another unseen. */
export async function baseInForce(tx: Db, version: number): Promise<Policy> {
  const row = await findPolicyInForce(tx)
  if (row === undefined) throw new TypeError('no policy is in force')
  if (row.version !== version)
    throw new AppError('conflict', { public: `Version ${row.version} has come in force meanwhile. Look at it, and propose again.` })
  return readPolicy(row)
}

export async function reread(tx: Db, row: PolicyVersionRow, at: Date) {
  const base = await baseInForce(tx, row.baseVersion ?? 0)
  const policy = readPolicy(row)
  const moves = Moves.parse(row.moves)
  const macs = await findPooledMacs(
    tx,
    moves.map(({ mac }) => mac),
  )
  return { base, policy, changes: differences({ base, policy, moves, macs, now: at }) }
}

export async function rule(tx: Db, row: PolicyVersionRow, { approver, lowers }: { approver: string; lowers: boolean }) {
  const proposer = idOf(row.proposedBy)
  const [people, approvers] = await Promise.all([findPeople(tx, [proposer, approver]), listActivePeople(tx, APPROVER_ROLES)])
  const find = (id: string) => people.find((person) => person.id === id)
  return ruleOnApproval({
    lowersTrust: lowers,
    proposer: find(proposer),
    approver: find(approver),
    approvers: approvers.filter(mayApprove),
  })
}

export const idOf = (actor: string | null): string => (actor ?? '').replace(/^user:/, '')

const REFUSALS = {
  'not-an-approver': 'Your role does not approve policies, or your account is disabled.',
  'another-person-needed': 'This lowers trust, so another person must approve it.',
  'proposer-left': 'The account of the person who proposed this is disabled. Propose it again.',
} as const
export const refusalOf = (because: keyof typeof REFUSALS): AppError => new AppError('forbidden', { public: REFUSALS[because] })

export function refuseInMode(policy: Policy, mode: 'evaluation' | 'production'): void {
  if (mode === 'production' && policy.allowEvaluation)
    throw new AppError('invalid_request', {
      public: 'Production refuses Macs made of software; no policy allows them.',
      param: 'allowEvaluation',
    })
}
