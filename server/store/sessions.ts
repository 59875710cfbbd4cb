import type { Db } from './client.ts'
import type { UserRole } from './users.ts'

export type SessionRow = {
  id: string
  userId: string
  createdAt: Date
  lastSeenAt: Date
  expiresAt: Date
  revokedAt: Date | null
  steppedUpAt: Date | null
  ip: string
  userAgent: string
}

export type SessionOwner = { id: string; email: string; name: string; role: UserRole; disabledAt: Date | null; hasSecondFactor: boolean }

export async function insertSession(db: Db, session: Omit<SessionRow, 'revokedAt'>): Promise<void> {
  await db.session.create({ data: session })
}

export async function findSessionWithUser(db: Db, id: string): Promise<{ session: SessionRow; user: SessionOwner } | undefined> {
  const row = await db.session.findUnique({ where: { id }, select: { ...SESSION, user: { select: OWNER } } })
  if (row === null) return undefined
  const { user, ...session } = row
  const { secondFactor, ...owner } = user
  return { session, user: { ...owner, hasSecondFactor: (secondFactor?.confirmedAt ?? null) !== null } }
}

/** Sessions of one person that still stand, most recently used first. */
export async function listStandingSessions(db: Db, userId: string, standing: { now: Date; seenSince: Date }): Promise<SessionRow[]> {
  return db.session.findMany({
    where: { userId, revokedAt: null, expiresAt: { gt: standing.now }, lastSeenAt: { gt: standing.seenSince } },
    orderBy: { lastSeenAt: 'desc' },
    take: 100,
    select: SESSION,
  })
}

export async function touchSession(db: Db, id: string, at: Date): Promise<void> {
  await db.session.updateMany({ where: { id, revokedAt: null }, data: { lastSeenAt: at } })
}

/** False when the session has ended meanwhile. */
export async function markSteppedUp(db: Db, id: string, at: Date): Promise<boolean> {
  return (await db.session.updateMany({ where: { id, revokedAt: null }, data: { steppedUpAt: at } })).count === 1
}

/** False when there is no such standing session of this person. */
export async function markSessionRevoked(db: Db, session: { id: string; userId: string; at: Date }): Promise<boolean> {
  const { count } = await db.session.updateMany({
    where: { id: session.id, userId: session.userId, revokedAt: null },
    data: { revokedAt: session.at },
  })
  return count === 1
}

/** Ends every standing session of a person, but for the one that is kept; says how many. */
export async function revokeSessionsOf(db: Db, userId: string, ending: { at: Date; except?: string | undefined }): Promise<number> {
  const { count } = await db.session.updateMany({
    where: { userId, revokedAt: null, expiresAt: { gt: ending.at }, ...(ending.except !== undefined && { id: { not: ending.except } }) },
    data: { revokedAt: ending.at },
  })
  return count
}

const SESSION = {
  id: true,
  userId: true,
  createdAt: true,
  lastSeenAt: true,
  expiresAt: true,
  revokedAt: true,
  steppedUpAt: true,
  ip: true,
  userAgent: true,
} as const
const OWNER = { id: true, email: true, name: true, role: true, disabledAt: true, secondFactor: { select: { confirmedAt: true } } } as const
