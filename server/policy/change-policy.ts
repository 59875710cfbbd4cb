import { hex } from '#protocol/bytes'
import { Policy } from '../attestation/policy.ts'
import { lowersTrust } from '../attestation/policy-change.ts'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { appendAudit } from '../store/audit.ts'
import type { Store } from '../store/client.ts'
import { endProposal, insertPolicyVersion, nextPolicyNumber, noteApproval } from '../store/policies.ts'
import { findPooledMacs } from '../store/policy-fleet.ts'
import { bringInForce } from './bring-in-force.ts'
import { differences } from './differences.ts'
import { digestDocument, toDocument } from './document.ts'
import { Moves, newWaivers } from './draft.ts'
import { ALONE_DELAY_MS, PROPOSAL_LIFE_MS } from './four-eyes.ts'
import { baseInForce, changing, livingProposal, measuredPreview, refusalOf, refuseInMode, reread, rule } from './proposal.ts'

/** The journey of a policy: proposed on a measured preview, approved by another person, in force, superseded. One transaction a step. */

export type ChangeDeps = { store: Store; clock: Clock; mode: 'evaluation' | 'production' }

/** What was previewed is what is proposed, to the byte. Answers with the new version's number. */
export async function proposePolicy(deps: ChangeDeps, proposal: { preview: string; reason: string; by: string }): Promise<number> {
  const at = deps.clock.now()
  return changing(deps.store, async (tx) => {
    const preview = await measuredPreview(tx, proposal.preview, at)
    const base = await baseInForce(tx, preview.baseVersion)
    const version = await nextPolicyNumber(tx)
    const policy: Policy = { ...Policy.parse(preview.document), version }
    refuseInMode(policy, deps.mode)
    const moves = Moves.parse(preview.moves)
    const changes = differences({
      base,
      policy,
      moves,
      macs: await findPooledMacs(
        tx,
        moves.map(({ mac }) => mac),
      ),
      now: at,
    })
    if (changes.length === 0)
      throw new AppError('invalid_request', { public: 'This policy is the one that is in force; nothing would change.' })
    const document = toDocument(policy)
    const digest = digestDocument(document)
    const lowers = lowersTrust(changes)
    const by: `user:${string}` = `user:${proposal.by}`
    await insertPolicyVersion(tx, {
      ...{ version, document, digest, changes, moves, grants: newWaivers(base, policy), impactAtProposal: preview.impact as object },
      ...{ baseVersion: base.version, proposedBy: by, proposedAt: at, reason: proposal.reason, lowersTrust: lowers },
      expiresAt: new Date(at.getTime() + PROPOSAL_LIFE_MS),
    })
    const said = { digest: hex(digest), base: base.version, lowersTrust: lowers, reason: proposal.reason, moves: moves.length }
    const detail = { ...said, changes: changes.map(({ sentence }) => sentence) }
    await appendAudit(tx, { type: 'policy.proposed', subject: String(version), detail }, { actor: by, at })
    return version
  })
}

export type ApprovalOutcome = { state: 'in force' } | { state: 'waits'; notBefore: Date }

/**
 * Approves on a preview of this very proposal. `alone`: the approver knows that nobody else could approve it, and that it therefore
 * comes in force only after a day.
 */
export async function approvePolicy(
  deps: ChangeDeps,
  approval: { version: number; preview: string; by: string; alone: boolean; reason: string | null },
): Promise<ApprovalOutcome> {
  const at = deps.clock.now()
  return changing(deps.store, async (tx) => {
    const row = await livingProposal(tx, approval.version, at)
    const preview = await measuredPreview(tx, approval.preview, at)
    if (preview.version !== row.version)
      throw new AppError('conflict', { public: 'That preview is of another proposal. Look at this one’s impact first.' })
    const { changes, base, policy } = await reread(tx, row, at)
    refuseInMode(policy, deps.mode)
    // Judged again: a Mac may have changed its pool since, so that a move lowers which did not.
    const ruling = await rule(tx, row, { approver: approval.by, lowers: row.lowersTrust || lowersTrust(changes) })
    if (ruling.may === 'not') throw refusalOf(ruling.because)
    if (ruling.may === 'after a delay' && !approval.alone)
      throw new AppError('conflict', { public: 'Nobody else can approve this. Say so, and it comes in force in 24 hours.' })
    const notBefore = ruling.may === 'after a delay' ? new Date(at.getTime() + ALONE_DELAY_MS) : null
    const by: `user:${string}` = `user:${approval.by}`
    const expiresAt = notBefore !== null && row.expiresAt !== null && notBefore > row.expiresAt ? notBefore : row.expiresAt
    await noteApproval(tx, row.version, { by, at, reason: approval.reason, impact: preview.impact as object, notBefore, expiresAt })
    const detail = {
      digest: hex(row.digest),
      alone: notBefore !== null,
      notBefore: notBefore?.toISOString() ?? null,
      reason: approval.reason,
    }
    await appendAudit(tx, { type: 'policy.approved', subject: String(row.version), detail }, { actor: by, at })
    if (notBefore !== null) return { state: 'waits', notBefore }
    await bringInForce(tx, { row, base, policy, at, actor: by })
    return { state: 'in force' }
  })
}

/** By an approver, who says why. */
export async function rejectPolicy(deps: ChangeDeps, rejection: { version: number; by: string; reason: string }): Promise<void> {
  await end(deps, { ...rejection, state: 'rejected' })
}

/** By its own proposer. */
export async function withdrawPolicy(deps: ChangeDeps, withdrawal: { version: number; by: string; reason: string | null }): Promise<void> {
  await end(deps, { ...withdrawal, state: 'withdrawn' })
}

async function end(
  deps: ChangeDeps,
  ending: { version: number; by: string } & ({ state: 'rejected'; reason: string } | { state: 'withdrawn'; reason: string | null }),
): Promise<void> {
  const at = deps.clock.now()
  const by: `user:${string}` = `user:${ending.by}`
  const subject = String(ending.version)
  await changing(deps.store, async (tx) => {
    const row = await livingProposal(tx, ending.version, at)
    if (ending.state === 'withdrawn' && row.proposedBy !== by)
      throw new AppError('forbidden', { public: 'Only the person who proposed it can withdraw it; others reject it.' })
    await endProposal(tx, row.version, ending.state, { by, at, reason: ending.reason })
    const event =
      ending.state === 'rejected'
        ? ({ type: 'policy.rejected', subject, detail: { reason: ending.reason } } as const)
        : ({ type: 'policy.withdrawn', subject, detail: { reason: ending.reason } } as const)
    await appendAudit(tx, event, { actor: by, at })
  })
}
