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
    checks: readonly object[]
    decidedAt: Date
  },
): Promise<void> {
  const { mac, reasons, evidenceDigest, checks, ...rest } = verdict
  await db.verdict.create({
    data: {
      ...rest,
      id: newId('ver'),
      macId: mac,
      reasons: [...reasons],
      evidenceDigest: evidenceDigest === null ? null : ownBytes(evidenceDigest),
      checks: JSON.parse(JSON.stringify(checks)),
    },
  })
}

export async function findLatestVerdict(db: Db, mac: MacId): Promise<VerdictRow | undefined> {
  return (await db.verdict.findFirst({ where: { macId: mac }, orderBy: { sequence: 'desc' } })) ?? undefined
}

/** The newest verdict of every Mac that has one. */
export async function listLatestVerdicts(db: Db): Promise<VerdictRow[]> {
  return db.verdict.findMany({ distinct: ['macId'], orderBy: [{ macId: 'asc' }, { sequence: 'desc' }] })
}

/** The Macs whose newest verdict is `trusted`. */
export async function listTrustedMacs(db: Db): Promise<MacId[]> {
  const latest = await listLatestVerdicts(db)
  return latest.filter((verdict) => verdict.trust === 'trusted').map((verdict) => MacId.parse(verdict.macId))
}
