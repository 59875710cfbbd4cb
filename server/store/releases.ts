import { newId } from '#protocol/ids'
import type { Db } from './client.ts'
import type { AgentRelease } from './generated/client.ts'

export type ReleaseRow = AgentRelease
export type ReleaseRing = ReleaseRow['ring']

export type NewRelease = Pick<
  ReleaseRow,
  | 'version'
  | 'codeHash'
  | 'teamId'
  | 'bundleIdentifier'
  | 'packageUrl'
  | 'packageSha256'
  | 'packageBytes'
  | 'notes'
  | 'createdBy'
  | 'createdAt'
>

/** Undefined: this code is known under this version already. */
export async function insertRelease(db: Db, release: NewRelease): Promise<string | undefined> {
  const id = newId('rel')
  const { count } = await db.agentRelease.createMany({ data: [{ id, ...release }], skipDuplicates: true })
  return count === 1 ? id : undefined
}

export async function findRelease(db: Db, id: string): Promise<ReleaseRow | undefined> {
  return (await db.agentRelease.findUnique({ where: { id } })) ?? undefined
}

/** Newest first. */
export async function listReleases(db: Db): Promise<ReleaseRow[]> {
  return db.agentRelease.findMany({ orderBy: [{ createdAt: 'desc' }, { id: 'desc' }] })
}

/** Who started which release since then. */
export async function listStartsSince(
  db: Db,
  since: Date,
): Promise<{ id: string; version: string; createdBy: string; startedBy: string; at: Date }[]> {
  return db.$queryRaw`
    SELECT r.id, r.version, r."createdBy", e.actor AS "startedBy", e.at FROM "AuditEvent" e JOIN "AgentRelease" r ON r.id = e.subject
    WHERE e.type = 'agent-release.changed' AND e.detail->>'change' = 'start' AND e.at >= ${since} ORDER BY e.at DESC LIMIT 200`
}

/** False: the release had left the state that the change starts from. */
export async function changeRelease(
  db: Db,
  which: { id: string; from: readonly ReleaseRow['state'][] },
  data: Partial<Pick<ReleaseRow, 'state' | 'ring' | 'ringSince' | 'baselineShare' | 'because' | 'startedAt' | 'endedAt'>>,
): Promise<boolean> {
  const { count } = await db.agentRelease.updateMany({ where: { id: which.id, state: { in: [...which.from] } }, data })
  return count === 1
}

/** A Mac that a release may be sent to, with what came of sending it. */
export type ReachedMac = {
  macId: string
  enrollmentId: string
  ring: ReleaseRing
  lastSeenAt: Date | null
  /** The newest InstallEnterpriseApplication of this release. */
  installState: string | null
  installSettledAt: Date | null
  installCreatedAt: Date | null
}

/** The name under which a release's installations are queued; equal ones are queued once. */
export const installKey = (releaseId: string): string => `agent-release:${releaseId}`

/** The enrolled Macs of these rings. */
export async function listReachedMacs(db: Db, of: { releaseId: string; rings: readonly ReleaseRing[] }): Promise<ReachedMac[]> {
  return db.$queryRaw<ReachedMac[]>`
    SELECT m.id AS "macId", e.id AS "enrollmentId", m.ring::text AS ring, e."lastSeenAt",
      c.state::text AS "installState", c."settledAt" AS "installSettledAt", c."createdAt" AS "installCreatedAt"
    FROM "Mac" m
    JOIN "Enrollment" e ON e."macId" = m.id AND e.state = 'enrolled' AND e.kind <> 'external'
    LEFT JOIN LATERAL (
      SELECT state, "settledAt", "createdAt" FROM "MdmCommand"
      WHERE "enrollmentId" = e.id AND "dedupeKey" = ${installKey(of.releaseId)} ORDER BY sequence DESC LIMIT 1) c ON TRUE
    WHERE m."revokedAt" IS NULL AND m.ring::text = ANY(${[...of.rings]})`
}

export async function countRings(db: Db): Promise<Record<ReleaseRing, number>> {
  const rows = await db.mac.groupBy({ by: ['ring'], where: { revokedAt: null }, _count: true })
  const counts = new Map(rows.map(({ ring, _count }) => [ring, _count]))
  return { canary: counts.get('canary') ?? 0, early: counts.get('early') ?? 0, all: counts.get('all') ?? 0 }
}

/** Returns how many Macs changed. */
export async function putInRing(db: Db, macs: readonly string[], ring: ReleaseRing): Promise<number> {
  return (await db.mac.updateMany({ where: { id: { in: [...macs] }, ring: { not: ring } }, data: { ring } })).count
}
