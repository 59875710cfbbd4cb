import { type MacId, newId } from '#protocol/ids'
import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'

export type AgentKeyRow = { macId: string; enrollmentId: string; spki: Uint8Array; ticketId: string; provedAt: Date }

/** Binds a proved key to its Mac; every earlier key of that Mac is revoked. A key that another Mac ever held is refused (false). */
export async function bindAgentKey(
  db: Db,
  key: { mac: MacId; enrollmentId: string; spki: Uint8Array; ticketId: string; provedAt: Date },
): Promise<boolean> {
  const spki = ownBytes(key.spki)
  const proof = { enrollmentId: key.enrollmentId, ticketId: key.ticketId, provedAt: key.provedAt, revokedAt: null }
  // Of two Macs that name the same key at once, the one that inserts the row has it: the other waits for it and changes nothing.
  await db.agentKey.createMany({ data: [{ id: newId('key'), macId: key.mac, spki, ...proof }], skipDuplicates: true })
  const { count } = await db.agentKey.updateMany({ where: { spki, macId: key.mac }, data: proof })
  if (count !== 1) return false
  await db.agentKey.updateMany({ where: { macId: key.mac, revokedAt: null, spki: { not: spki } }, data: { revokedAt: key.provedAt } })
  return true
}

/** The one key now bound to a Mac. */
export async function findAgentKey(db: Db, mac: MacId): Promise<AgentKeyRow | undefined> {
  return (await db.agentKey.findFirst({ where: { macId: mac, revokedAt: null }, orderBy: { provedAt: 'desc' } })) ?? undefined
}

/** The enrollment that a key was proved under has ended: so does its binding. */
export async function revokeAgentKeys(db: Db, mac: MacId, at: Date): Promise<void> {
  await db.agentKey.updateMany({ where: { macId: mac, revokedAt: null }, data: { revokedAt: at } })
}
