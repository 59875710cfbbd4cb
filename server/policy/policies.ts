import { hex } from '#protocol/bytes'
import type { Policy } from '../attestation/policy.ts'
import { compare, lowersTrust } from '../attestation/policy-change.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { appendAudit } from '../store/audit.ts'
import type { Db, Store } from '../store/client.ts'
import { findNumberInForce, findPolicyInForce, insertPolicyVersion, lockPolicies, nextPolicyNumber, putInForce } from '../store/policies.ts'
import { defaultPolicy } from './default-policy.ts'
import { digestDocument, readPolicy, toDocument } from './document.ts'

export type PoliciesDeps = {
  store: Store
  clock: Clock
  mode: 'evaluation' | 'production'
  agentVersion: string
  log: Log
}

/** The policy in force, in memory: whoever judges a Mac asks here and never waits. */
export interface Policies {
  current(): Policy
  /** SHA-256 (hex) of the document in force. */
  digest(): string
  /** Looks whether another version is in force by now; the other replicas notice a change by this within a minute. */
  reload(): Promise<void>
  /** Told after a change, with the new policy already current. */
  onChange(listener: (policy: Policy) => void): void
  close(): void
}

const RELOAD_EVERY_MS = 60_000

/** Loads the policy in force; on the first start it writes version 1. Rejects where the stored one cannot be believed. */
export async function createPolicies(deps: PoliciesDeps): Promise<Policies> {
  const { store, log } = deps
  const listeners: ((policy: Policy) => void)[] = []
  await store.$transaction(async (tx) => {
    await lockPolicies(tx)
    await bringUpToDate(tx, deps)
  })
  let inForce = await load(store)

  async function reload(): Promise<void> {
    if ((await findNumberInForce(store)) === inForce.policy.version) return
    inForce = await load(store)
    log.info({ policy: inForce.policy.version, digest: inForce.digest }, 'another policy is in force')
    for (const listener of listeners) listener(inForce.policy)
  }

  const timer = setInterval(() => {
    reload().catch((err: unknown) => log.warn({ err }, 'whether the policy has changed could not be read; the last one stands'))
  }, RELOAD_EVERY_MS)
  timer.unref()
  return {
    current: () => inForce.policy,
    digest: () => inForce.digest,
    reload,
    onChange: (listener) => void listeners.push(listener),
    close: () => clearInterval(timer),
  }
}

async function load(store: Store): Promise<{ policy: Policy; digest: string }> {
  const row = await findPolicyInForce(store)
  if (row === undefined) throw new Error('no policy is in force, although there was one')
  return { policy: readPolicy(row), digest: hex(row.digest) }
}

/** The first version, and what the mode of this start forbids or needs; the appliance itself never lowers trust in production. */
async function bringUpToDate(tx: Db, deps: PoliciesDeps): Promise<void> {
  const row = await findPolicyInForce(tx)
  if (row === undefined)
    return appendOwn(tx, deps, { policy: defaultPolicy(deps), base: undefined, reason: 'The policy that this installation begins with.' })
  const base = readPolicy(row)
  if (deps.mode === 'production' && base.allowEvaluation) {
    const policy = { ...base, allowEvaluation: false }
    return appendOwn(tx, deps, { policy, base, reason: 'Production refuses Macs made of software.' })
  }
  if (base.releases.some(({ agentVersion }) => agentVersion === deps.agentVersion)) return
  if (deps.mode === 'evaluation') {
    const policy = { ...base, releases: [...base.releases, { agentVersion: deps.agentVersion }] }
    return appendOwn(tx, deps, { policy, base, reason: 'The agent that comes with this appliance.' })
  }
  deps.log.warn(
    { agentVersion: deps.agentVersion },
    'the policy does not allow the agent release that this appliance hands out; propose one that does',
  )
}

async function appendOwn(tx: Db, deps: PoliciesDeps, own: { policy: Policy; base: Policy | undefined; reason: string }): Promise<void> {
  const at = deps.clock.now()
  const version = await nextPolicyNumber(tx)
  const document = toDocument({ ...own.policy, version })
  const digest = digestDocument(document)
  const changes = own.base === undefined ? [] : compare(own.base, own.policy)
  const who = { proposedBy: 'system', proposedAt: at, reason: own.reason, baseVersion: own.base?.version ?? null, expiresAt: null }
  const what = { lowersTrust: lowersTrust(changes), changes, moves: [], grants: [], impactAtProposal: null }
  await insertPolicyVersion(tx, { version, document, digest, ...who, ...what })
  await putInForce(tx, version, at)
  const detail = { digest: hex(digest), replaced: own.base?.version ?? null }
  await appendAudit(tx, { type: 'policy.in-force', subject: String(version), detail }, { actor: 'system', at })
}
