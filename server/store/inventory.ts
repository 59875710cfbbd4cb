import { MacId, newId } from '#protocol/ids'
import type { MacEvent } from '../fleet/events.ts'
import type { Db } from './client.ts'

export type KnownMac = { id: MacId; isRevoked: boolean }

/** Parameters of one statement are bounded by PostgreSQL’s protocol. */
const BATCH = 1000
const inBatches = <T>(all: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(all.length / BATCH) }, (_, index) => all.slice(index * BATCH, (index + 1) * BATCH))

/** Those of these serial numbers that stand in the inventory. */
export async function findKnownMacs(db: Db, serials: readonly string[]): Promise<Map<string, KnownMac>> {
  const known = new Map<string, KnownMac>()
  for (const batch of inBatches(serials)) {
    const rows = await db.mac.findMany({ where: { serial: { in: batch } }, select: { id: true, serial: true, revokedAt: true } })
    for (const { id, serial, revokedAt } of rows) known.set(serial, { id: MacId.parse(id), isRevoked: revokedAt !== null })
  }
  return known
}

export type ImportedMac = { serial: string; name: string | null; pool: string | null; ring: 'canary' | 'early' | 'all' }

/** Enters Macs that are not there yet, with the first event of their timelines. False where one has come meanwhile: then roll back. */
export async function importMacs(
  db: Db,
  macs: readonly ImportedMac[],
  about: { importId: string; by: string; at: Date },
): Promise<boolean> {
  for (const batch of inBatches(macs)) {
    const rows = batch.map((mac) => ({ ...mac, id: newId('mac'), addedAt: about.at }))
    const { count } = await db.mac.createMany({ data: rows, skipDuplicates: true })
    if (count !== rows.length) return false
    const { type, ...detail } = { type: 'imported', importId: about.importId, by: about.by } satisfies Omit<
      Extract<MacEvent, { type: 'imported' }>,
      'pool'
    >
    await db.macEvent.createMany({
      data: rows.map(({ id, pool }) => ({ id: newId('evt'), macId: id, at: about.at, type, detail: { ...detail, pool } })),
    })
  }
  return true
}

export type InventoryRow = {
  serial: string
  name: string | null
  model: string | null
  osVersion: string | null
  pool: string | null
  ring: string
  addedAt: Date
  state: 'revoked' | 'enrolled' | 'enrolling' | 'invited' | 'known'
}

/** In the order of serial numbers, from after `after` on. */
export async function listInventory(db: Db, page: { after: string; limit: number }): Promise<InventoryRow[]> {
  return db.$queryRaw<InventoryRow[]>`
    SELECT m.serial, m.name, m.model, m."osVersion", m.pool, m.ring::text AS ring, m."addedAt",
      CASE WHEN m."revokedAt" IS NOT NULL THEN 'revoked'
        WHEN e.furthest = 3 THEN 'enrolled' WHEN e.furthest = 2 THEN 'enrolling' WHEN e.furthest = 1 THEN 'invited' ELSE 'known' END AS state
    FROM "Mac" m
    LEFT JOIN LATERAL (
      SELECT max(CASE WHEN state = 'enrolled' THEN 3 WHEN state IN ('acme_attested', 'authenticated') THEN 2 ELSE 1 END) AS furthest
      FROM "Enrollment" WHERE "macId" = m.id AND state IN ('invited', 'profile_issued', 'acme_attested', 'authenticated', 'enrolled')) e ON TRUE
    WHERE m.serial > ${page.after} ORDER BY m.serial LIMIT ${page.limit}`
}

/** Those of these serial numbers that are enrolled already. */
export async function findEnrolledSerials(db: Db, serials: readonly string[]): Promise<Set<string>> {
  const rows = await db.mac.findMany({
    where: { serial: { in: [...serials] }, enrollments: { some: { state: 'enrolled', kind: { not: 'external' } } } },
    select: { serial: true },
  })
  return new Set(rows.map(({ serial }) => serial))
}

export type InventoryCounts = { macs: number; enrolled: number; trusted: number; external: number }

/** Of the Macs that are not revoked. */
export async function countInventory(db: Db): Promise<InventoryCounts> {
  const [row] = await db.$queryRaw<InventoryCounts[]>`
    SELECT count(*)::int AS macs,
      count(*) FILTER (WHERE EXISTS (
        SELECT 1 FROM "Enrollment" WHERE "macId" = m.id AND state = 'enrolled' AND kind <> 'external'))::int AS enrolled,
      count(*) FILTER (WHERE EXISTS (
        SELECT 1 FROM "Enrollment" WHERE "macId" = m.id AND kind = 'external'
          AND state IN ('invited', 'profile_issued', 'acme_attested', 'authenticated', 'enrolled')))::int AS external,
      count(*) FILTER (WHERE (SELECT trust::text FROM "Verdict" WHERE "macId" = m.id ORDER BY sequence DESC LIMIT 1) = 'trusted')::int AS trusted
    FROM "Mac" m WHERE m."revokedAt" IS NULL`
  return row ?? { macs: 0, enrolled: 0, trusted: 0, external: 0 }
}

export type MovingMac = { serial: string; name: string | null; deadline: Date; profileStatus: string | null }

/** Macs that Apple Business moves here from another server, and that have not enrolled here yet; those due first. */
export async function listMovingMacs(db: Db, limit: number): Promise<{ macs: MovingMac[]; total: number }> {
  const rows = await db.$queryRaw<(MovingMac & { total: number })[]>`
    SELECT d.serial, m.name, d."migrationDeadline" AS deadline, d."profileStatus", count(*) OVER ()::int AS total
    FROM "AppleBusinessDevice" d LEFT JOIN "Mac" m ON m.serial = d.serial
    WHERE d."removedAt" IS NULL AND d."migrationDeadline" IS NOT NULL AND m."revokedAt" IS NULL
      AND NOT EXISTS (SELECT 1 FROM "Enrollment" e WHERE e."macId" = m.id AND e.state = 'enrolled' AND e.kind <> 'external')
    ORDER BY d."migrationDeadline", d.serial LIMIT ${limit}`
  return { macs: rows.map(({ total: _, ...mac }) => mac), total: rows[0]?.total ?? 0 }
}
