import { newId } from '#protocol/ids'
import type { Db } from './client.ts'
import type { Prisma } from './generated/client.ts'

export type UserRole = 'owner' | 'it_admin' | 'security' | 'operator' | 'auditor' | 'viewer'

export type UserRow = {
  id: string
  email: string
  name: string
  role: UserRole
  passwordHash: string | null
  createdAt: Date
  disabledAt: Date | null
}

/** Addresses are compared without regard to case and stored in lower case. */
export const normaliseEmail = (email: string): string => email.trim().toLowerCase()

export async function createUser(
  db: Db,
  user: { email: string; name: string; role: UserRole; passwordHash: string | null; createdAt: Date },
): Promise<UserRow> {
  return db.user.create({ data: { ...user, id: newId('usr'), email: normaliseEmail(user.email) }, select: USER })
}

export async function findUserByEmail(db: Db, email: string): Promise<UserRow | undefined> {
  return (await db.user.findUnique({ where: { email: normaliseEmail(email) }, select: USER })) ?? undefined
}

export async function findUser(db: Db, id: string): Promise<UserRow | undefined> {
  return (await db.user.findUnique({ where: { id }, select: USER })) ?? undefined
}

/** As it is now, and stays until the transaction ends: whoever would disable it or replace its password waits. */
export async function holdUser(db: Db, id: string): Promise<UserRow | undefined> {
  await db.$queryRaw`SELECT 1 FROM "User" WHERE id = ${id} FOR SHARE`
  return findUser(db, id)
}

/** Replaces a password; sessions that stand are not touched. */
export async function setPassword(db: Db, id: string, passwordHash: string): Promise<void> {
  await db.user.update({ where: { id }, data: { passwordHash } })
}

/** False when the password is no longer the one that `from` hashes. */
export async function replacePassword(db: Db, id: string, change: { from: string; to: string }): Promise<boolean> {
  const where = { id, passwordHash: change.from, disabledAt: null }
  return (await db.user.updateMany({ where, data: { passwordHash: change.to } })).count === 1
}

export async function setRole(db: Db, id: string, role: UserRole): Promise<void> {
  await db.user.update({ where: { id }, data: { role } })
}

export async function disableUser(db: Db, id: string, at: Date): Promise<void> {
  await db.user.updateMany({ where: { id, disabledAt: null }, data: { disabledAt: at } })
}

export async function enableUser(db: Db, id: string): Promise<void> {
  await db.user.update({ where: { id }, data: { disabledAt: null } })
}

/** Any constant that no other advisory lock of ours has: see migrate.ts. */
const PEOPLE_LOCK = 7_411_207

/** Held until the transaction ends, so that changes to accounts happen one after the other: each sees what the one before did. */
export async function lockPeople(db: Db): Promise<void> {
  await db.$executeRaw`SELECT pg_advisory_xact_lock(${PEOPLE_LOCK})`
}

export const countActiveOwners = (db: Db): Promise<number> => db.user.count({ where: { role: 'owner', disabledAt: null } })

/** Disabled ones too. */
export const listOwners = (db: Db): Promise<UserRow[]> =>
  db.user.findMany({ where: { role: 'owner' }, orderBy: { email: 'asc' }, take: 100, select: USER })

export type PeopleQuery = {
  search?: string | undefined
  role?: UserRole | undefined
  isActive?: boolean | undefined
  skip: number
  take: number
}

/** What stands with a person now: sessions and keys that would answer, as their disabling would end them. */
export type PersonRow = Omit<UserRow, 'passwordHash'> & {
  lastSeenAt: Date | null
  hasSecondFactor: boolean
  sessions: number
  apiKeys: number
}

/** By name; sessions and API keys are those that stand at `now`. */
export async function listPeopleRows(
  db: Db,
  query: PeopleQuery,
  standing: { now: Date; seenSince: Date },
): Promise<{ rows: PersonRow[]; total: number }> {
  const contains = { contains: (query.search ?? '').replace(/[\\%_]/g, '\\$&'), mode: 'insensitive' } as const
  const where = {
    ...(query.search !== undefined && { OR: [{ name: contains }, { email: contains }] }),
    ...(query.role !== undefined && { role: query.role }),
    ...(query.isActive !== undefined && { disabledAt: query.isActive ? null : { not: null } }),
  }
  const [users, total] = await Promise.all([
    db.user.findMany({ where, orderBy: [{ name: 'asc' }, { id: 'asc' }], skip: query.skip, take: query.take, select: person(standing) }),
    db.user.count({ where }),
  ])
  return { rows: users.map(toPerson), total }
}

export async function findPerson(db: Db, id: string, standing: { now: Date; seenSince: Date }): Promise<PersonRow | undefined> {
  const user = await db.user.findUnique({ where: { id }, select: person(standing) })
  return user === null ? undefined : toPerson(user)
}

const person = ({ now, seenSince }: { now: Date; seenSince: Date }) =>
  ({
    id: true,
    email: true,
    name: true,
    role: true,
    createdAt: true,
    disabledAt: true,
    sessions: { orderBy: { lastSeenAt: 'desc' }, take: 1, select: { lastSeenAt: true } },
    secondFactor: { select: { confirmedAt: true } },
    _count: {
      select: {
        sessions: { where: { revokedAt: null, expiresAt: { gt: now }, lastSeenAt: { gt: seenSince } } },
        apiKeys: { where: { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] } },
      },
    },
  }) satisfies Prisma.UserSelect

type Found = Omit<UserRow, 'passwordHash'> & {
  sessions: { lastSeenAt: Date }[]
  secondFactor: { confirmedAt: Date | null } | null
  _count: { sessions: number; apiKeys: number }
}

function toPerson({ sessions, secondFactor, _count, ...user }: Found): PersonRow {
  return {
    ...user,
    lastSeenAt: sessions[0]?.lastSeenAt ?? null,
    hasSecondFactor: (secondFactor?.confirmedAt ?? null) !== null,
    ..._count,
  }
}

const USER = { id: true, email: true, name: true, role: true, passwordHash: true, createdAt: true, disabledAt: true } as const
