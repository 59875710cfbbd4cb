import { z } from 'zod'
import { hex } from '#protocol/bytes'
import { type Canonical, canonicalJson } from '#protocol/canonical'
import { Policy, Waiver } from '../attestation/policy.ts'
import { describePolicy, lowersTrust } from '../attestation/policy-change.ts'
import { describeReason } from '../attestation/reasons.ts'
import { AppError } from '../errors.ts'
import { findPolicyInForce, findPolicyVersion, listPolicyVersions, type PolicyVersionRow } from '../store/policies.ts'
import { countByPool, findPeople, findPooledMacs, listActivePeople } from '../store/policy-fleet.ts'
import { findPolicyPreview } from '../store/policy-previews.ts'
import { approvePolicy, type ChangeDeps, proposePolicy, rejectPolicy, withdrawPolicy } from './change-policy.ts'
import { differences } from './differences.ts'
import { readPolicy } from './document.ts'
import { completeDraft, Moves, type PolicyDraft } from './draft.ts'
import { APPROVER_ROLES, type Approver, mayApprove, ruleOnApproval } from './four-eyes.ts'
import { Impact } from './impact.ts'
import type { Policies } from './policies.ts'
import type { Previews } from './preview.ts'
import { idOf, refuseInMode } from './proposal.ts'
import type { Rejudge } from './rejudge.ts'
import { Change, type PolicyDesk, type PolicyView, type PreviewView, type VersionDetail, type VersionSummary } from './views.ts'
import { viewWaivers } from './waiver-views.ts'

export type PolicyDeskDeps = ChangeDeps & { policies: Policies; previews: Previews; rejudge: Pick<Rejudge, 'progress'> }

/** Everything that people ask about the policy and do to it; what changes it is in `change-policy.ts`. */
export function createPolicyDesk(deps: PolicyDeskDeps): PolicyDesk {
  return {
    getPolicy: () => getPolicy(deps),
    listVersions: (page) => listVersions(deps, page),
    getVersion: (version, asker) => getVersion(deps, version, asker.id),
    startPreview: (about, asker) => startPreview(deps, about, asker.id),
    getPreview: (id) => getPreview(deps, id),
    propose: (proposal, asker) => proposePolicy(deps, { ...proposal, by: asker.id }),
    async approve(approval, asker) {
      const outcome = await approvePolicy(deps, { ...approval, by: asker.id })
      if (outcome.state === 'waits') return outcome
      await deps.policies.reload()
      return { state: 'in force', notBefore: null }
    },
    reject: (rejection, asker) => rejectPolicy(deps, { ...rejection, by: asker.id }),
    withdraw: (withdrawal, asker) => withdrawPolicy(deps, { ...withdrawal, by: asker.id }),
  }
}

async function getPolicy({ store, policies, clock, rejudge, mode }: PolicyDeskDeps): Promise<PolicyView> {
  const policy = policies.current()
  const [row, members, waivers] = await Promise.all([
    findPolicyVersion(store, policy.version),
    countByPool(store),
    viewWaivers(store, policy, clock.now()),
  ])
  return {
    version: policy.version,
    digest: policies.digest(),
    inForceAt: row?.inForceAt ?? null,
    sections: describePolicy(policy),
    draft: asDraft(policy),
    pools: policy.pools.map(({ name }) => ({ name, macs: members.get(name) ?? 0 })),
    waivers,
    rejudge: rejudge.progress() ?? null,
    mode,
    waivable: Waiver.shape.code.options.map((code) => ({ code, sentence: describeReason(code).sentence })),
  }
}

/** As a form is filled in from: without number, and without what a waiver gets by itself. */
function asDraft({ version: _, waivers, ...rest }: Policy): PolicyDraft {
  return { ...rest, waivers: waivers.map(({ from: _from, ...waiver }) => waiver) }
}

async function listVersions({ store }: PolicyDeskDeps, page: { before: number | undefined; limit: number }) {
  const rows = await listPolicyVersions(store, { before: page.before, limit: page.limit + 1 })
  const shown = rows.slice(0, page.limit)
  const names = await namesOf(store, shown)
  return { versions: shown.map((row) => summary(row, names)), next: rows.length > page.limit ? (shown.at(-1)?.version ?? null) : null }
}

type Names = (actor: string) => { id: string | null; name: string }

async function namesOf(store: PolicyDeskDeps['store'], rows: readonly PolicyVersionRow[]): Promise<Names> {
  const actors = rows.flatMap(({ proposedBy, decidedBy }) => [proposedBy, ...(decidedBy === null ? [] : [decidedBy])])
  const people = await findPeople(store, [...new Set(actors.map(idOf))])
  return (actor) => {
    if (actor === 'system') return { id: null, name: 'The appliance' }
    return { id: idOf(actor), name: people.find(({ id }) => id === idOf(actor))?.name ?? 'Someone whose account is gone' }
  }
}

function summary(row: PolicyVersionRow, names: Names): VersionSummary {
  const { version, state, baseVersion, proposedAt, reason, lowersTrust: lowers, expiresAt, decidedAt, decisionReason } = row
  const { notBefore, inForceAt, supersededAt } = row
  return {
    ...{ version, state, baseVersion, proposedAt, reason, lowersTrust: lowers, expiresAt, decidedAt, decisionReason },
    ...{ notBefore, inForceAt, supersededAt },
    digest: hex(row.digest),
    proposedBy: names(row.proposedBy),
    decidedBy: row.decidedBy === null ? null : names(row.decidedBy),
    changes: z.array(Change).parse(row.changes),
    moves: Moves.parse(row.moves),
    impactAtProposal: Impact.nullable().parse(row.impactAtProposal),
    impactAtApproval: Impact.nullable().parse(row.impactAtApproval),
  }
}

async function getVersion(deps: PolicyDeskDeps, version: number, asker: string): Promise<VersionDetail> {
  const row = await findPolicyVersion(deps.store, version)
  if (row === undefined) throw new AppError('not_found', { public: 'There is no such version of the policy.' })
  return {
    ...summary(row, await namesOf(deps.store, [row])),
    sections: describePolicy(readPolicy(row)),
    document: canonicalJson(row.document as Canonical),
    may: await mayDo(deps, row, asker),
  }
}

const NOT = {
  'not-an-approver': 'Your role does not approve policies.',
  'another-person-needed': 'It lowers trust and you proposed it, so another person must approve it.',
  'proposer-left': 'The account of the person who proposed it is disabled. It must be proposed again.',
} as const

async function mayDo(deps: PolicyDeskDeps, row: PolicyVersionRow, asker: string): Promise<VersionDetail['may']> {
  const nothing = { approve: false, approveAlone: false, reject: false, withdraw: false }
  const isOpen = row.state === 'proposed' && (row.expiresAt === null || row.expiresAt > deps.clock.now())
  if (!isOpen) return { ...nothing, why: null }
  const proposer = idOf(row.proposedBy)
  const [people, approvers] = await Promise.all([findPeople(deps.store, [proposer, asker]), listActivePeople(deps.store, APPROVER_ROLES)])
  const find = (id: string): Approver | undefined => people.find((person) => person.id === id)
  const ruling = ruleOnApproval({ lowersTrust: row.lowersTrust, proposer: find(proposer), approver: find(asker), approvers })
  const isWaiting = row.notBefore !== null && idOf(row.decidedBy) === asker
  return {
    approve: ruling.may === 'at once',
    approveAlone: ruling.may === 'after a delay' && !isWaiting,
    reject: mayApprove(find(asker)) && proposer !== asker,
    withdraw: proposer === asker,
    why: ruling.may === 'not' ? NOT[ruling.because] : null,
  }
}

async function startPreview(deps: PolicyDeskDeps, about: Parameters<PolicyDesk['startPreview']>[0], by: string): Promise<string> {
  const inForce = await findPolicyInForce(deps.store)
  if (inForce === undefined) throw new TypeError('no policy is in force')
  const base = readPolicy(inForce)
  if ('version' in about) {
    const row = await findPolicyVersion(deps.store, about.version)
    if (row === undefined) throw new AppError('not_found', { public: 'There is no such version of the policy.' })
    if (row.state !== 'proposed') throw new AppError('conflict', { public: `Version ${row.version} is decided already.` })
    return deps.previews.start({ by, base, policy: readPolicy(row), moves: Moves.parse(row.moves), version: row.version })
  }
  const now = deps.clock.now()
  const policy = completeDraft(about.draft, { base, version: base.version + 1, now })
  refuseInMode(policy, deps.mode)
  // Refuses what can never be proposed, before the whole fleet is judged by it.
  differences({
    base,
    policy,
    moves: about.moves,
    macs: await findPooledMacs(
      deps.store,
      about.moves.map(({ mac }) => mac),
    ),
    now,
  })
  return deps.previews.start({ by, base, policy, moves: about.moves, version: null })
}

/** A run whose process has died says nothing for so long. */
const SILENT_MS = 120_000

async function getPreview(deps: PolicyDeskDeps, id: string): Promise<PreviewView> {
  const row = await findPolicyPreview(deps.store, id)
  if (row === undefined) throw new AppError('not_found', { public: 'That preview is gone. Look at the impact again.' })
  const baseRow = await findPolicyVersion(deps.store, row.baseVersion)
  if (baseRow === undefined) throw new TypeError('a preview on top of no version')
  const now = deps.clock.now()
  const [policy, moves] = [Policy.parse(row.document), Moves.parse(row.moves)]
  const macs = await findPooledMacs(
    deps.store,
    moves.map(({ mac }) => mac),
  )
  const changes = differences({ base: readPolicy(baseRow), policy, moves, macs, now })
  const isDead = row.state === 'running' && now.getTime() - row.updatedAt.getTime() > SILENT_MS
  const { done, total, impact } = row
  return {
    id,
    state: isDead ? 'failed' : row.state,
    done,
    total,
    impact: Impact.nullable().parse(impact),
    changes,
    lowersTrust: lowersTrust(changes),
  }
}
