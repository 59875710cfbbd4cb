import { hex } from '#protocol/bytes'
import type { Policy } from '../attestation/policy.ts'
import { appendAudit } from '../store/audit.ts'
import type { Db } from '../store/client.ts'
import { endProposal, listPendingPolicies, type PolicyVersionRow, putInForce } from '../store/policies.ts'
import { findPooledMacs, listStrayMacs, movePools, type PoolChange } from '../store/policy-fleet.ts'
import { Moves } from './draft.ts'

/** The moment of change: the version before is superseded, Macs move, other proposals lapse, and the audit trail says so. */
export async function bringInForce(
  tx: Db,
  change: { row: PolicyVersionRow; base: Policy; policy: Policy; at: Date; actor: 'system' | `user:${string}` },
): Promise<void> {
  const { row, base, policy, at, actor } = change
  await putInForce(tx, row.version, at)
  const changes = await poolChanges(tx, Moves.parse(row.moves), policy)
  await movePools(tx, changes, { policyVersion: row.version, at })
  for (const { mac, from, to } of changes) {
    await appendAudit(tx, { type: 'mac.pool-changed', subject: mac, detail: { from, to, policyVersion: row.version } }, { actor, at })
  }
  const detail = { digest: hex(row.digest), replaced: base.version }
  await appendAudit(tx, { type: 'policy.in-force', subject: String(row.version), detail }, { actor, at })
  for (const other of await listPendingPolicies(tx)) {
    await expire(tx, other, { at, reason: `Version ${row.version} came in force first. Propose it again on top of that.` })
  }
}

/** The moves that were asked for, and the Macs whose pool is gone. */
async function poolChanges(tx: Db, moves: Moves, policy: Policy): Promise<PoolChange[]> {
  const wanted = new Map(moves.map(({ mac, pool }) => [mac, pool]))
  const macs = await findPooledMacs(tx, [...wanted.keys()])
  const moved = macs.map(({ id, pool }): PoolChange => ({ mac: id, from: pool, to: wanted.get(id) ?? null }))
  const strays = await listStrayMacs(
    tx,
    policy.pools.map(({ name }) => name),
  )
  const left = strays.filter(({ id }) => !wanted.has(id)).map(({ id, pool }): PoolChange => ({ mac: id, from: pool, to: null }))
  return [...moved, ...left].filter(({ from, to }) => from !== to)
}

export async function expire(tx: Db, row: PolicyVersionRow, { at, reason }: { at: Date; reason: string }): Promise<void> {
  await endProposal(tx, row.version, 'expired', { by: 'system', at, reason })
  await appendAudit(tx, { type: 'policy.expired', subject: String(row.version), detail: { reason } }, { actor: 'system', at })
}
