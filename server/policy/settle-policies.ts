import { appendAudit } from '../store/audit.ts'
import type { Db } from '../store/client.ts'
import { findPolicyVersion, listPendingPolicies, type PolicyVersionRow, voidApproval } from '../store/policies.ts'
import { forgetPreviews } from '../store/policy-previews.ts'
import { bringInForce, expire } from './bring-in-force.ts'
import type { ChangeDeps } from './change-policy.ts'
import { changing, idOf, refuseInMode, reread, rule } from './proposal.ts'

const PREVIEW_KEPT_MS = 24 * 3600_000

/** What time alone decides: proposals lapse, and an approval given alone comes in force once its day is over. For one round a minute. */
export async function settlePolicies(deps: ChangeDeps): Promise<void> {
  const at = deps.clock.now()
  const failures: unknown[] = []
  await forgetPreviews(deps.store, new Date(at.getTime() - PREVIEW_KEPT_MS))
  for (const { version } of await listPendingPolicies(deps.store)) {
    const settled = changing(deps.store, async (tx) => {
      const row = await findPolicyVersion(tx, version)
      if (row?.state !== 'proposed') return
      if (row.notBefore !== null && row.notBefore <= at) await settleApproval(tx, deps, row, at)
      else if (row.expiresAt !== null && row.expiresAt <= at) await expire(tx, row, { at, reason: 'Nobody decided about it in 14 days.' })
    })
    await settled.catch((error: unknown) => failures.push(error))
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} proposals could not be settled`)
}

async function settleApproval(tx: Db, deps: ChangeDeps, row: PolicyVersionRow, at: Date): Promise<void> {
  const { base, policy } = await reread(tx, row, at)
  refuseInMode(policy, deps.mode)
  const ruling = await rule(tx, row, { approver: idOf(row.decidedBy), lowers: true })
  if (ruling.may === 'after a delay') return bringInForce(tx, { row, base, policy, at, actor: 'system' })
  // Somebody else can approve by now, or this approver no longer can: the approval given alone is worth nothing.
  await voidApproval(tx, row.version)
  const reason = 'The approval given alone lapsed: another approver exists by now, or the approver may approve no more.'
  await appendAudit(tx, { type: 'policy.approval-lapsed', subject: String(row.version), detail: { reason } }, { actor: 'system', at })
}
