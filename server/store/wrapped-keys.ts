import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'

export type WrappedKeyRow = { name: string; envelope: Uint8Array; public: Uint8Array | null }

export async function findWrappedKey(db: Db, name: string): Promise<WrappedKeyRow | undefined> {
  const row = await db.wrappedKey.findUnique({ where: { name } })
  return row === null ? undefined : { name: row.name, envelope: row.envelope, public: row.public }
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
