import { MacId } from '#protocol/ids'
import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'

export type RevocationListRow = { number: number; list: Uint8Array; signature: Uint8Array; issuedAt: Date }

/** One list is made at a time; the number is any, and this purpose's alone. */
const LIST_LOCK = 7_361_205

/** Until the transaction ends nobody else makes or adopts a list. */
export async function holdRevocationLists(tx: Db): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${LIST_LOCK})`
}

export async function findNewestRevocationList(db: Db): Promise<RevocationListRow | undefined> {
  return (await db.revocationList.findFirst({ orderBy: { number: 'desc' } })) ?? undefined
}

export async function insertRevocationList(db: Db, row: RevocationListRow): Promise<void> {
  await db.revocationList.create({ data: { ...row, list: ownBytes(row.list), signature: ownBytes(row.signature) } })
}

/** What the database itself knows as revoked: serial numbers, and SHA-256 (hex) of API keys that would still work otherwise. */
export async function listRevoked(db: Db, now: Date): Promise<{ serials: string[]; apiKeys: string[] }> {
  const [macs, keys] = await Promise.all([
    db.mac.findMany({ where: { revokedAt: { not: null } }, orderBy: { revokedAt: 'asc' }, select: { serial: true } }),
    db.apiKey.findMany({
      where: { revokedAt: { not: null }, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] },
      orderBy: { revokedAt: 'asc' },
      select: { hash: true },
    }),
  ])
  return { serials: macs.map((mac) => mac.serial), apiKeys: keys.map((key) => Buffer.from(key.hash).toString('hex')) }
}

/** The Macs and API keys that a list names and that still count here. */
export async function findListed(
  db: Db,
  listed: { macs: readonly string[]; apiKeys: readonly string[] },
): Promise<{ macs: MacId[]; apiKeys: { id: string; prefix: string }[] }> {
  const [macs, apiKeys] = await Promise.all([
    db.$queryRaw<{ id: string }[]>`
      SELECT id FROM "Mac" WHERE "revokedAt" IS NULL AND encode(sha256(convert_to(serial, 'UTF8')), 'hex') = ANY(${[...listed.macs]}::text[])`,
    db.$queryRaw<{ id: string; prefix: string }[]>`
      SELECT id, prefix FROM "ApiKey" WHERE "revokedAt" IS NULL AND encode(hash, 'hex') = ANY(${[...listed.apiKeys]}::text[])`,
  ])
  return { macs: macs.map(({ id }) => MacId.parse(id)), apiKeys }
}

/** SHA-256 (hex) of the key; none where there is no such key. */
export async function findApiKeyHash(db: Db, id: string): Promise<string[]> {
  const row = await db.apiKey.findUnique({ where: { id }, select: { hash: true } })
  return row === null ? [] : [Buffer.from(row.hash).toString('hex')]
}
