import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'
import type { UserRole } from './users.ts'

export type ApiKeyRow = {
  id: string
  prefix: string
  name: string
  scopes: string[]
  userId: string
  createdAt: Date
  expiresAt: Date | null
  lastUsedAt: Date | null
  revokedAt: Date | null
}

export type ApiKeyOwner = { id: string; email: string; name: string; role: UserRole; disabledAt: Date | null }

/** How many keys somebody has made since then, whatever became of them. */
export const countApiKeysSince = (db: Db, of: { userId: string; since: Date }): Promise<number> =>
  db.apiKey.count({ where: { userId: of.userId, createdAt: { gt: of.since } } })

export async function insertApiKey(db: Db, key: Omit<ApiKeyRow, 'lastUsedAt' | 'revokedAt'> & { hash: Uint8Array }): Promise<void> {
  await db.apiKey.create({ data: { ...key, hash: ownBytes(key.hash) } })
}

export async function findApiKeyByHash(db: Db, hash: Uint8Array): Promise<{ key: ApiKeyRow; owner: ApiKeyOwner } | undefined> {
  const row = await db.apiKey.findUnique({ where: { hash: ownBytes(hash) }, select: KEY_WITH_OWNER })
  return row === null ? undefined : split(row)
}

export async function findApiKey(db: Db, id: string): Promise<{ key: ApiKeyRow; owner: ApiKeyOwner } | undefined> {
  const row = await db.apiKey.findUnique({ where: { id }, select: KEY_WITH_OWNER })
  return row === null ? undefined : split(row)
}

/** Newest first; of one person, or of everyone when `userId` is not given; only keys that work at `activeAt` when that is given. */
export async function listApiKeyRows(
  db: Db,
  page: { userId?: string | undefined; activeAt?: Date | undefined; skip: number; take: number },
): Promise<{ rows: { key: ApiKeyRow; owner: ApiKeyOwner }[]; total: number }> {
  const where = {
    ...(page.userId !== undefined && { userId: page.userId }),
    ...(page.activeAt !== undefined && { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: page.activeAt } }] }),
  }
  const [rows, total] = await Promise.all([
    db.apiKey.findMany({
      where,
      orderBy: [{ createdAt: 'desc' }, { id: 'asc' }],
      skip: page.skip,
      take: page.take,
      select: KEY_WITH_OWNER,
    }),
    db.apiKey.count({ where }),
  ])
  return { rows: rows.map(split), total }
}

/** False when it was revoked before. */
export async function markApiKeyRevoked(db: Db, id: string, at: Date): Promise<boolean> {
  return (await db.apiKey.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: at } })).count === 1
}

export async function touchApiKey(db: Db, id: string, at: Date): Promise<void> {
  await db.apiKey.updateMany({ where: { id }, data: { lastUsedAt: at } })
}

function split(row: ApiKeyRow & { user: ApiKeyOwner }): { key: ApiKeyRow; owner: ApiKeyOwner } {
  const { user, ...key } = row
  return { key, owner: user }
}

const KEY_WITH_OWNER = {
  id: true,
  prefix: true,
  name: true,
  scopes: true,
  userId: true,
  createdAt: true,
  expiresAt: true,
  lastUsedAt: true,
  revokedAt: true,
  user: { select: { id: true, email: true, name: true, role: true, disabledAt: true } },
} as const
