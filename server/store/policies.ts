import type { Db } from './client.ts'
import { Prisma } from './generated/client.ts'

export type PolicyState = 'proposed' | 'in_force' | 'superseded' | 'rejected' | 'withdrawn' | 'expired'

/** A Mac that changes its pool when a version comes in force; null: to no pool. */
export type Move = { mac: string; pool: string | null }

export type PolicyVersionRow = {
  version: number
  document: unknown
  digest: Uint8Array
  state: PolicyState
  baseVersion: number | null
  proposedBy: string
  proposedAt: Date
  reason: string
  lowersTrust: boolean
  changes: unknown
  moves: unknown
  grants: string[]
  impactAtProposal: unknown
  impactAtApproval: unknown
  expiresAt: Date | null
  decidedBy: string | null
  decidedAt: Date | null
  decisionReason: string | null
  notBefore: Date | null
  inForceAt: Date | null
  supersededAt: Date | null
}

/** “espalier policy”, as PostgreSQL’s advisory locks name things. */
const LOCK = 7_309_874_001n

/** One change of the policy at a time, in all replicas: held until the transaction ends. */
export async function lockPolicies(tx: Db): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${LOCK})`
}

export async function findPolicyInForce(db: Db): Promise<PolicyVersionRow | undefined> {
  return (await db.policyVersion.findUnique({ where: { inForceSlot: 1 } })) ?? undefined
}

/** Its number alone, for those who only ask whether it has changed. */
export async function findNumberInForce(db: Db): Promise<number | undefined> {
  return (await db.policyVersion.findUnique({ where: { inForceSlot: 1 }, select: { version: true } }))?.version
}

export async function findPolicyVersion(db: Db, version: number): Promise<PolicyVersionRow | undefined> {
  return (await db.policyVersion.findUnique({ where: { version } })) ?? undefined
}

/** SHA-256 of the documents of these versions. */
export async function listPolicyDigests(db: Db, versions: readonly number[]): Promise<Map<number, Uint8Array>> {
  const rows = await db.policyVersion.findMany({
    where: { version: { in: [...new Set(versions)] } },
    select: { version: true, digest: true },
  })
  return new Map(rows.map(({ version, digest }) => [version, digest]))
}

/** Newest first. */
export async function listPolicyVersions(db: Db, page: { before?: number | undefined; limit: number }): Promise<PolicyVersionRow[]> {
  const where = page.before === undefined ? {} : { version: { lt: page.before } }
  return db.policyVersion.findMany({ where, orderBy: { version: 'desc' }, take: page.limit })
}

export async function listPendingPolicies(db: Db): Promise<PolicyVersionRow[]> {
  return db.policyVersion.findMany({ where: { state: 'proposed' }, orderBy: { version: 'asc' } })
}

/** Versions that a person has put in force since then. */
export async function listApprovedSince(db: Db, since: Date): Promise<PolicyVersionRow[]> {
  const where = { state: { in: ['in_force', 'superseded'] satisfies PolicyState[] }, decidedAt: { gte: since } }
  return db.policyVersion.findMany({ where, orderBy: { version: 'desc' }, take: 200 })
}

/** The versions that brought these waivers and came in force. */
export async function listGrantingVersions(db: Db, waivers: readonly string[]): Promise<PolicyVersionRow[]> {
  const grants = { hasSome: [...waivers] }
  return db.policyVersion.findMany({ where: { grants, state: { in: ['in_force', 'superseded'] } }, orderBy: { version: 'asc' } })
}

export async function nextPolicyNumber(db: Db): Promise<number> {
  return ((await db.policyVersion.aggregate({ _max: { version: true } }))._max.version ?? 0) + 1
}

export type NewPolicyVersion = Pick<
  PolicyVersionRow,
  'version' | 'digest' | 'baseVersion' | 'proposedBy' | 'proposedAt' | 'reason' | 'lowersTrust' | 'grants' | 'expiresAt'
> & { document: object; changes: readonly object[]; moves: readonly Move[]; impactAtProposal: object | null }

/** Appends a proposal. */
export async function insertPolicyVersion(db: Db, row: NewPolicyVersion): Promise<void> {
  const { document, changes, moves, impactAtProposal, digest, ...rest } = row
  await db.policyVersion.create({
    data: {
      ...rest,
      digest: new Uint8Array(digest),
      state: 'proposed',
      document: asJson(document),
      changes: asJson(changes),
      moves: asJson(moves),
      impactAtProposal: impactAtProposal === null ? Prisma.DbNull : asJson(impactAtProposal),
    },
  })
}

const asJson = (value: object): Prisma.InputJsonValue => JSON.parse(JSON.stringify(value))

type Decision = { by: string; at: Date; reason: string | null }

/** Ends a proposal without effect. False: it is none any more. */
export async function endProposal(
  db: Db,
  version: number,
  state: 'rejected' | 'withdrawn' | 'expired',
  decision: Decision,
): Promise<boolean> {
  const data = { state, decidedBy: decision.by, decidedAt: decision.at, decisionReason: decision.reason, notBefore: null }
  return (await db.policyVersion.updateMany({ where: { version, state: 'proposed' }, data })).count === 1
}

/** Keeps an approval; `notBefore` where it counts only after a delay. */
export async function noteApproval(
  db: Db,
  version: number,
  approval: Decision & { impact: object; notBefore: Date | null; expiresAt: Date | null },
): Promise<void> {
  const { by, at, reason, impact, notBefore, expiresAt } = approval
  await db.policyVersion.update({
    where: { version, state: 'proposed' },
    data: { decidedBy: by, decidedAt: at, decisionReason: reason, impactAtApproval: asJson(impact), notBefore, expiresAt },
  })
}

/** An approval that counts no more; the proposal waits again. */
export async function voidApproval(db: Db, version: number): Promise<void> {
  const data = { decidedBy: null, decidedAt: null, decisionReason: null, notBefore: null, impactAtApproval: Prisma.DbNull }
  await db.policyVersion.update({ where: { version, state: 'proposed' }, data })
}

/** The version before is superseded in the same breath; the database allows no two in force. */
export async function putInForce(db: Db, version: number, at: Date): Promise<void> {
  await db.policyVersion.updateMany({ where: { inForceSlot: 1 }, data: { inForceSlot: null, state: 'superseded', supersededAt: at } })
  await db.policyVersion.update({ where: { version, state: 'proposed' }, data: { inForceSlot: 1, state: 'in_force', inForceAt: at } })
}
