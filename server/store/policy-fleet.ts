import { MacId, newId } from '#protocol/ids'
import type { MacEvent } from '../fleet/events.ts'
import type { Db, Store } from './client.ts'
import type { UserRole } from './users.ts'

/** What a change of policy needs of Macs and people, many at a time. */

export type PooledMac = { id: MacId; name: string | null; pool: string | null }

/** Macs in the order of their ids, from after `after` on: a fleet is walked through page by page. */
export async function listMacsAfter(db: Db, page: { after: string | undefined; limit: number }): Promise<PooledMac[]> {
  const where = page.after === undefined ? {} : { id: { gt: page.after } }
  const rows = await db.mac.findMany({ where, orderBy: { id: 'asc' }, take: page.limit, select: { id: true, name: true, pool: true } })
  return rows.map((row) => ({ ...row, id: MacId.parse(row.id) }))
}

export const countMacs = (db: Db): Promise<number> => db.mac.count()

/** Macs whose newest verdict was made under another version than this. */
export async function listJudgedElsewhere(
  store: Store,
  page: { version: number; after: string | undefined; limit: number },
): Promise<MacId[]> {
  const rows = await store.$queryRaw<{ id: string }[]>`
    SELECT m.id FROM "Mac" m
    JOIN LATERAL (SELECT "policyVersion" FROM "Verdict" WHERE "macId" = m.id ORDER BY sequence DESC LIMIT 1) v ON TRUE
    WHERE v."policyVersion" <> ${page.version} AND m.id > ${page.after ?? ''} ORDER BY m.id ASC LIMIT ${page.limit}`
  return rows.map(({ id }) => MacId.parse(id))
}

export async function countJudgedElsewhere(store: Store, version: number): Promise<number> {
  const [row] = await store.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS count FROM "Mac" m
    JOIN LATERAL (SELECT "policyVersion" FROM "Verdict" WHERE "macId" = m.id ORDER BY sequence DESC LIMIT 1) v ON TRUE
    WHERE v."policyVersion" <> ${version}`
  return row?.count ?? 0
}

export async function findPooledMacs(db: Db, ids: readonly string[]): Promise<PooledMac[]> {
  const rows = await db.mac.findMany({ where: { id: { in: [...ids] } }, select: { id: true, name: true, pool: true } })
  return rows.map((row) => ({ ...row, id: MacId.parse(row.id) }))
}

/** Macs in pools other than these. */
export async function listStrayMacs(db: Db, pools: readonly string[]): Promise<PooledMac[]> {
  const where = { AND: [{ pool: { not: null } }, { pool: { notIn: [...pools] } }] }
  const rows = await db.mac.findMany({ where, select: { id: true, name: true, pool: true } })
  return rows.map((row) => ({ ...row, id: MacId.parse(row.id) }))
}

export async function countByPool(db: Db): Promise<Map<string, number>> {
  const rows = await db.mac.groupBy({ by: ['pool'], _count: { _all: true }, where: { pool: { not: null } } })
  return new Map(rows.flatMap(({ pool, _count }) => (pool === null ? [] : [[pool, _count._all]])))
}

export type PoolChange = { mac: MacId; from: string | null; to: string | null }

/** Moves Macs and writes it into their timelines. */
export async function movePools(db: Db, changes: readonly PoolChange[], about: { policyVersion: number; at: Date }): Promise<void> {
  for (const to of new Set(changes.map((change) => change.to))) {
    const ids = changes.filter((change) => change.to === to).map(({ mac }) => mac)
    await db.mac.updateMany({ where: { id: { in: ids } }, data: { pool: to } })
  }
  await db.macEvent.createMany({
    data: changes.map(({ mac, from, to }) => {
      const { type, ...detail } = { type: 'pool-changed', from, to, policyVersion: about.policyVersion } satisfies MacEvent
      return { id: newId('evt'), macId: mac, at: about.at, type, detail }
    }),
  })
}

export type Person = { id: string; name: string; email: string; role: UserRole; disabledAt: Date | null }
const PERSON = { id: true, name: true, email: true, role: true, disabledAt: true } as const

export async function findPeople(db: Db, ids: readonly string[]): Promise<Person[]> {
  return db.user.findMany({ where: { id: { in: [...ids] } }, select: PERSON })
}

/** Everyone of these roles whose account is not disabled. */
export async function listActivePeople(db: Db, roles: readonly UserRole[]): Promise<Person[]> {
  return db.user.findMany({ where: { role: { in: [...roles] }, disabledAt: null }, select: PERSON })
}
