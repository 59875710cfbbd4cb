import { MacId } from '#protocol/ids'
import type { Store } from './client.ts'
import { Prisma } from './generated/client.ts'

export type FleetListQuery = {
  search: string
  trust: 'trusted' | 'refused' | 'pending' | 'revoked' | undefined
  connection: { is: 'connected' | 'offline'; connected: readonly string[] } | undefined
  sort: 'name' | 'trust' | 'lastSeenAt' | 'evidenceAt' | 'addedAt'
  direction: 'asc' | 'desc'
  offset: number
  limit: number
}

export type FleetListRow = {
  id: MacId
  serial: string
  name: string | null
  model: string | null
  osVersion: string | null
  isSoftware: boolean
  addedAt: Date
  trust: 'trusted' | 'refused' | 'pending' | 'revoked'
  reasons: string[]
  /** Reason codes that only a waiver kept from refusing. */
  waived: string[]
  pool: string | null
  evidenceAt: Date | null
  lastSeenAt: Date | null
}

/** One page of the fleet with each Mac's newest verdict, filtered and sorted by the database, and the counts of every trust state. */
export async function listFleet(
  store: Store,
  query: FleetListQuery,
): Promise<{ rows: FleetListRow[]; total: number; counts: Record<FleetListRow['trust'], number> }> {
  const found = Prisma.sql`${FLEET} WHERE ${searched(query.search)} AND ${connected(query.connection)}`
  const inState = query.trust === undefined ? Prisma.sql`TRUE` : Prisma.sql`trust = ${query.trust}`
  const direction = query.direction === 'asc' ? Prisma.sql`ASC NULLS LAST` : Prisma.sql`DESC NULLS LAST`
  const [rows, counted] = await Promise.all([
    store.$queryRaw<(Omit<FleetListRow, 'id'> & { id: string })[]>`
      SELECT * FROM (${found}) fleet WHERE ${inState}
      ORDER BY ${SORT[query.sort]} ${direction}, serial ASC LIMIT ${query.limit} OFFSET ${query.offset}`,
    store.$queryRaw<{ trust: FleetListRow['trust']; count: number }[]>`
      SELECT trust, count(*)::int AS count FROM (${found}) fleet GROUP BY trust`,
  ])
  const counts = { trusted: 0, refused: 0, pending: 0, revoked: 0 }
  for (const row of counted) counts[row.trust] = row.count
  const total = query.trust === undefined ? Object.values(counts).reduce((sum, count) => sum + count, 0) : counts[query.trust]
  return { rows: rows.map((row) => ({ ...row, id: MacId.parse(row.id) })), total, counts }
}

const FLEET = Prisma.sql`
  SELECT m.id, m.serial, m.name, m.model, m."osVersion", m."isSoftware", m."addedAt", m.pool,
    CASE WHEN m."revokedAt" IS NOT NULL THEN 'revoked' ELSE COALESCE(v.trust, 'pending') END AS trust,
    COALESCE(v.reasons, ARRAY[]::text[]) AS reasons, COALESCE(v.waived, ARRAY[]::text[]) AS waived, v."evidenceAt", e."lastSeenAt"
  FROM "Mac" m
  LEFT JOIN LATERAL (SELECT * FROM "Verdict" WHERE "macId" = m.id ORDER BY sequence DESC LIMIT 1) v ON TRUE
  LEFT JOIN LATERAL (SELECT max("lastSeenAt") AS "lastSeenAt" FROM "Enrollment" WHERE "macId" = m.id) e ON TRUE`

const SORT = {
  name: Prisma.sql`lower(COALESCE(name, serial))`,
  trust: Prisma.sql`trust`,
  lastSeenAt: Prisma.sql`"lastSeenAt"`,
  evidenceAt: Prisma.sql`"evidenceAt"`,
  addedAt: Prisma.sql`"addedAt"`,
} as const

function searched(search: string): Prisma.Sql {
  if (search === '') return Prisma.sql`TRUE`
  const pattern = `%${search.replace(/[\\%_]/g, '\\$&')}%`
  return Prisma.sql`(m.name ILIKE ${pattern} OR m.serial ILIKE ${pattern} OR m.id ILIKE ${pattern} OR m.model ILIKE ${pattern})`
}

function connected(filter: FleetListQuery['connection']): Prisma.Sql {
  if (filter === undefined) return Prisma.sql`TRUE`
  const among = Prisma.sql`m.id = ANY(${[...filter.connected]}::text[])`
  return filter.is === 'connected' ? among : Prisma.sql`NOT (${among})`
}
