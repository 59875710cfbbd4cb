import { MacId, newId } from '#protocol/ids'
import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'

export type VerdictRow = {
  macId: string
  trust: string
  reasons: string[]
  until: Date | null
  evidenceDigest: Uint8Array | null
  evidenceAt: Date | null
  keyBinding: string | null
  policyVersion: number
  waived: string[]
  checks: unknown
  decidedAt: Date
}

export async function appendVerdict(
  db: Db,
  verdict: {
    mac: MacId
    trust: 'trusted' | 'refused'
    reasons: readonly string[]
    until: Date | null
    evidenceDigest: Uint8Array | null
    evidenceAt: Date | null
    keyBinding: string | null
    policyVersion: number
    /** Reason codes that only a waiver kept from refusing. */
    waived?: readonly string[]
    checks: readonly object[]
    decidedAt: Date
  },
): Promise<void> {
  const { mac, reasons, waived = [], evidenceDigest, checks, ...rest } = verdict
  await db.verdict.create({
    data: {
      ...rest,
      id: newId('ver'),
      macId: mac,
      reasons: [...reasons],
      waived: [...waived],
      evidenceDigest: evidenceDigest === null ? null : ownBytes(evidenceDigest),
      checks: JSON.parse(JSON.stringify(checks)),
    },
  })
}

export async function findLatestVerdict(db: Db, mac: MacId): Promise<VerdictRow | undefined> {
  return (await db.verdict.findFirst({ where: { macId: mac }, orderBy: { sequence: 'desc' } })) ?? undefined
}

export type NumberedVerdict = Omit<VerdictRow, 'checks'> & { id: string; sequence: bigint }

/** Newest first, without the checks. */
export async function listVerdicts(db: Db, mac: MacId, page: { before: bigint | undefined; limit: number }): Promise<NumberedVerdict[]> {
  const where = page.before === undefined ? { macId: mac } : { macId: mac, sequence: { lt: page.before } }
  return db.verdict.findMany({ where, orderBy: { sequence: 'desc' }, take: page.limit, omit: { checks: true } })
}

export type LatestVerdict = Omit<VerdictRow, 'checks'>

/**
 * The newest verdict of every Mac that has one, without the checks. One look into the index a Mac: verdicts are appended for ever, and
 * Prisma’s own `distinct` would read them all into memory to throw most of them away.
 */
export function listLatestVerdicts(db: Db): Promise<LatestVerdict[]> {
  return db.$queryRaw`
    SELECT m.id AS "macId", v.trust, v.reasons, v.until, v."evidenceDigest", v."evidenceAt", v."keyBinding", v."policyVersion", v.waived, v."decidedAt"
    FROM "Mac" m
    CROSS JOIN LATERAL (SELECT * FROM "Verdict" WHERE "macId" = m.id ORDER BY sequence DESC LIMIT 1) v
    ORDER BY m.id`
}

/** The Macs whose newest verdict is `trusted`. */
export async function listTrustedMacs(db: Db): Promise<MacId[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT m.id FROM "Mac" m
    CROSS JOIN LATERAL (SELECT trust FROM "Verdict" WHERE "macId" = m.id ORDER BY sequence DESC LIMIT 1) v
    WHERE v.trust = 'trusted' ORDER BY m.id`
  return rows.map(({ id }) => MacId.parse(id))
}
