import { newId } from '#protocol/ids'
import type { Db } from './client.ts'

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

/** Replaces a password; sessions that stand are not touched. */
export async function setPassword(db: Db, id: string, passwordHash: string): Promise<void> {
  await db.user.update({ where: { id }, data: { passwordHash } })
}

export async function disableUser(db: Db, id: string, at: Date): Promise<void> {
  await db.user.updateMany({ where: { id, disabledAt: null }, data: { disabledAt: at } })
}

const USER = { id: true, email: true, name: true, role: true, passwordHash: true, createdAt: true, disabledAt: true } as const
