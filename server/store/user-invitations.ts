import { newId } from '#protocol/ids'
import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'
import { normaliseEmail, type UserRole } from './users.ts'

export type UserInvitationRow = {
  id: string
  purpose: 'join' | 'reset'
  email: string
  role: UserRole
  userId: string | null
  invitedById: string | null
  removesSecondFactor: boolean
  createdAt: Date
  expiresAt: Date
  usedAt: Date | null
  revokedAt: Date | null
}

export type NewUserInvitation = Omit<UserInvitationRow, 'id' | 'usedAt' | 'revokedAt'> & { tokenHash: Uint8Array }

export async function insertUserInvitation(db: Db, invitation: NewUserInvitation): Promise<UserInvitationRow> {
  const { tokenHash, email, ...rest } = invitation
  const data = { ...rest, id: newId('inv'), email: normaliseEmail(email), tokenHash: ownBytes(tokenHash) }
  return db.userInvitation.create({ data, select: INVITATION })
}

export async function findUserInvitation(db: Db, id: string): Promise<UserInvitationRow | undefined> {
  return (await db.userInvitation.findUnique({ where: { id }, select: INVITATION })) ?? undefined
}

/** By the hash of the link's token; undefined unless it can still be used at `now`. */
export async function findOpenInvitation(db: Db, tokenHash: Uint8Array, now: Date): Promise<UserInvitationRow | undefined> {
  const where = { tokenHash: ownBytes(tokenHash), usedAt: null, revokedAt: null, expiresAt: { gt: now } }
  return (await db.userInvitation.findFirst({ where, select: INVITATION })) ?? undefined
}

/** Invitations that can still be used, newest first. */
export async function listOpenInvitations(db: Db, now: Date): Promise<UserInvitationRow[]> {
  const where = { usedAt: null, revokedAt: null, expiresAt: { gt: now } }
  return db.userInvitation.findMany({ where, orderBy: [{ createdAt: 'desc' }, { id: 'asc' }], take: 200, select: INVITATION })
}

/** Who set whose password by a link, since then. */
export async function listUsedInvitations(db: Db, since: Date): Promise<{ by: string; account: string; usedAt: Date }[]> {
  const rows = await db.userInvitation.findMany({
    where: { usedAt: { gte: since } },
    orderBy: { usedAt: 'desc' },
    take: 2000,
    select: INVITATION,
  })
  return rows.flatMap(({ invitedById: by, userId: account, usedAt }) =>
    by === null || account === null || usedAt === null ? [] : [{ by, account, usedAt }],
  )
}

/** False for one that was used, revoked or has expired: only one of many at once is told true. */
export async function markInvitationUsed(db: Db, id: string, use: { at: Date; userId: string }): Promise<boolean> {
  const where = { id, usedAt: null, revokedAt: null, expiresAt: { gt: use.at } }
  return (await db.userInvitation.updateMany({ where, data: { usedAt: use.at, userId: use.userId } })).count === 1
}

/** False for one that was used or revoked before. */
export async function markInvitationRevoked(db: Db, id: string, at: Date): Promise<boolean> {
  return (await db.userInvitation.updateMany({ where: { id, usedAt: null, revokedAt: null }, data: { revokedAt: at } })).count === 1
}

/** A new link for an address, or the disabling of its account, ends those before it. */
export async function revokeInvitationsFor(db: Db, email: string, at: Date): Promise<void> {
  await db.userInvitation.updateMany({ where: { email: normaliseEmail(email), usedAt: null, revokedAt: null }, data: { revokedAt: at } })
}

const INVITATION = {
  id: true,
  purpose: true,
  email: true,
  role: true,
  userId: true,
  invitedById: true,
  removesSecondFactor: true,
  createdAt: true,
  expiresAt: true,
  usedAt: true,
  revokedAt: true,
} as const
