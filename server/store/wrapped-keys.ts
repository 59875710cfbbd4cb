import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'

export type WrappedKeyRow = { name: string; envelope: Uint8Array; public: Uint8Array | null }

export async function findWrappedKey(db: Db, name: string): Promise<(WrappedKeyRow & { createdAt: Date }) | undefined> {
  const row = await db.wrappedKey.findUnique({ where: { name } })
  return row === null ? undefined : { name: row.name, envelope: row.envelope, public: row.public, createdAt: row.createdAt }
}

export async function listWrappedKeys(db: Db): Promise<{ name: string; envelope: Uint8Array }[]> {
  return db.wrappedKey.findMany({ select: { name: true, envelope: true }, orderBy: { name: 'asc' } })
}

/** The same key in a new envelope, if it still lies in the old one. */
export async function rewrapKey(db: Db, key: { name: string; from: Uint8Array; to: Uint8Array }): Promise<void> {
  const { name, from, to } = key
  await db.wrappedKey.updateMany({ where: { name, envelope: ownBytes(from) }, data: { envelope: ownBytes(to) } })
}

/** Puts a key in the place of the one that has its name. */
export async function replaceWrappedKey(db: Db, key: WrappedKeyRow & { createdAt: Date }): Promise<void> {
  const data = { envelope: ownBytes(key.envelope), public: key.public === null ? null : ownBytes(key.public), createdAt: key.createdAt }
  await db.wrappedKey.upsert({ where: { name: key.name }, create: { name: key.name, ...data }, update: data })
}

export async function insertWrappedKey(db: Db, key: WrappedKeyRow & { createdAt: Date }): Promise<void> {
  await db.wrappedKey.create({
    data: {
      name: key.name,
      envelope: ownBytes(key.envelope),
      public: key.public === null ? null : ownBytes(key.public),
      createdAt: key.createdAt,
    },
  })
}

/** False where there was none. */
export async function deleteWrappedKey(db: Db, name: string): Promise<boolean> {
  return (await db.wrappedKey.deleteMany({ where: { name } })).count === 1
}
