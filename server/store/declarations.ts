import { ownBytes } from './bytes.ts'
import type { Db, Store } from './client.ts'
import type { Prisma } from './generated/client.ts'

export type DeclarativeRow = {
  enrollmentId: string
  token: string | null
  changedAt: Date | null
  toldToken: string | null
  toldAt: Date | null
  fetchedToken: string | null
  fetchedAt: Date | null
  status: unknown
  statusAt: Date | null
}

export async function findDeclarativeState(db: Db, enrollmentId: string): Promise<DeclarativeRow | undefined> {
  return (await db.declarativeState.findUnique({ where: { enrollmentId } })) ?? undefined
}

/** The set is the one of this token from `at` on, unless it was that one before. Returns since when. */
export async function setDeclarationsToken(db: Db, enrollmentId: string, token: string, at: Date): Promise<Date> {
  const row = await db.declarativeState.findUnique({ where: { enrollmentId }, select: { token: true, changedAt: true } })
  if (row?.token === token && row.changedAt !== null) return row.changedAt
  const set = { token, changedAt: at }
  await db.declarativeState.upsert({ where: { enrollmentId }, create: { enrollmentId, ...set }, update: set })
  return at
}

export async function markDeclarationsTold(db: Db, enrollmentId: string, token: string, at: Date): Promise<void> {
  await db.declarativeState.updateMany({ where: { enrollmentId }, data: { toldToken: token, toldAt: at } })
}

export async function markDeclarationsFetched(db: Db, enrollmentId: string, token: string, at: Date): Promise<void> {
  await db.declarativeState.updateMany({ where: { enrollmentId }, data: { fetchedToken: token, fetchedAt: at } })
}

/** Keeps a report as `merge` joins it to what was known; the row is held meanwhile. False: this very report was the last one. */
export async function keepStatus<Status extends object>(
  store: Store,
  report: { enrollmentId: string; digest: Uint8Array; at: Date },
  merge: (before: unknown) => Status,
): Promise<boolean> {
  const { enrollmentId, at } = report
  const statusDigest = ownBytes(report.digest)
  return store.$transaction(async (tx) => {
    await tx.declarativeState.createMany({ data: [{ enrollmentId }], skipDuplicates: true })
    await tx.$queryRaw`SELECT 1 FROM "DeclarativeState" WHERE "enrollmentId" = ${enrollmentId} FOR UPDATE`
    const row = await tx.declarativeState.findUniqueOrThrow({ where: { enrollmentId } })
    if (row.statusDigest !== null && Buffer.from(row.statusDigest).equals(report.digest)) return false
    const status = merge(row.status) as Prisma.InputJsonValue
    await tx.declarativeState.update({ where: { enrollmentId }, data: { status, statusDigest, statusAt: at } })
    return true
  })
}

export type DeclaredMac = {
  enrollmentId: string
  macId: string
  serial: string
  isSoftware: boolean
  osVersion: string | null
  status: unknown
}

const OF_MAC = { mac: { select: { serial: true, isSoftware: true, osVersion: true } }, declarative: { select: { status: true } } } as const

/** What decides which declarations an enrollment gets. Undefined: it is not enrolled, or the Mac is revoked. */
export async function findDeclaredMac(db: Db, enrollmentId: string): Promise<DeclaredMac | undefined> {
  const where = { id: enrollmentId, state: 'enrolled', mac: { revokedAt: null } } as const
  const row = await db.enrollment.findFirst({ where, include: OF_MAC })
  if (row === null) return undefined
  return { enrollmentId, macId: row.macId, ...row.mac, status: row.declarative?.status ?? null }
}

export type Declarable = Pick<DeclaredMac, 'enrollmentId' | 'osVersion' | 'status'> &
  Pick<DeclarativeRow, 'token' | 'fetchedToken' | 'toldToken' | 'toldAt'>

/** Enrolled Macs in order of their ids, `limit` at a time, with all that says whether one has to be told. */
export function listDeclarable(db: Db, page: { after: string | undefined; limit: number }): Promise<Declarable[]> {
  return db.$queryRaw`
    SELECT e.id AS "enrollmentId", m."osVersion", d.status, d.token, d."fetchedToken", d."toldToken", d."toldAt"
    FROM "Enrollment" e JOIN "Mac" m ON m.id = e."macId" LEFT JOIN "DeclarativeState" d ON d."enrollmentId" = e.id
    WHERE e.state = 'enrolled' AND m."revokedAt" IS NULL AND e.id > ${page.after ?? ''}
    ORDER BY e.id LIMIT ${page.limit}`
}

/** Macs that wait in Setup Assistant although they are enrolled. */
export async function listWaitingForConfiguration(db: Db, limit: number): Promise<string[]> {
  const where = { state: 'enrolled', awaitingConfiguration: true } as const
  const rows = await db.enrollment.findMany({ where, orderBy: { id: 'asc' }, take: limit, select: { id: true } })
  return rows.map(({ id }) => id)
}
