import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'

export type TrustAnchorRow = { sha256: Uint8Array; certificate: Uint8Array; addedAt: Date; addedBy: string }

/** Oldest first. */
export async function listTrustAnchors(db: Db): Promise<TrustAnchorRow[]> {
  return db.serverTrustAnchor.findMany({ orderBy: [{ addedAt: 'asc' }, { sha256: 'asc' }] })
}

/** False where it stood there before. */
export async function insertTrustAnchor(db: Db, row: TrustAnchorRow): Promise<boolean> {
  const data = { ...row, sha256: ownBytes(row.sha256), certificate: ownBytes(row.certificate) }
  return (await db.serverTrustAnchor.createMany({ data: [data], skipDuplicates: true })).count === 1
}

export async function deleteTrustAnchor(db: Db, sha256: Uint8Array): Promise<boolean> {
  return (await db.serverTrustAnchor.deleteMany({ where: { sha256: ownBytes(sha256) } })).count === 1
}
