import { type MacId, newId } from '#protocol/ids'
import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'

/** From the weakest; as `KEY_BINDING_LEVELS` of the policy. */
const LEVELS = ['ticket', 'mdm-signed', 'apple'] as const

/** What proved the key, by level. */
export type KeyProof =
  | { level: 'ticket'; ticketId: string }
  /** SHA-256 of the CertificateList reply and of the Mdm-Signature over it. */
  | { level: 'mdm-signed'; replyDigest: Uint8Array; signatureDigest: Uint8Array }
  | { level: 'apple'; chain: readonly Uint8Array[]; clientData: Uint8Array; chainDigest: Uint8Array }

export type AgentKeyRow = { id: string; macId: string; enrollmentId: string; spki: Uint8Array; provedAt: Date; proof: KeyProof }

export type StoredKey = {
  id: string
  macId: string
  enrollmentId: string
  spki: Uint8Array
  provedAt: Date
  level: 'ticket' | 'mdm_signed' | 'apple'
  ticketId: string | null
  evidenceDigest: Uint8Array | null
  signatureDigest: Uint8Array | null
  chain: Uint8Array[]
  clientData: Uint8Array | null
}

/**
 * Binds a proved key to its Mac; every earlier key of that Mac is revoked. A key that another Mac ever held is refused (false).
 * Under one enrollment the level of a key only rises: a weaker proof of a key that stands changes nothing.
 */
export async function bindAgentKey(
  db: Db,
  key: { mac: MacId; enrollmentId: string; spki: Uint8Array; provedAt: Date; proof: KeyProof },
): Promise<boolean> {
  const spki = ownBytes(key.spki)
  const proof = { enrollmentId: key.enrollmentId, provedAt: key.provedAt, revokedAt: null, ...columnsOf(key.proof) }
  // Of two Macs that name the same key at once, the one that inserts the row has it: the other waits for it and changes nothing.
  await db.agentKey.createMany({ data: [{ id: newId('key'), macId: key.mac, spki, ...proof }], skipDuplicates: true })
  const stands = { spki, macId: key.mac, enrollmentId: key.enrollmentId, revokedAt: null, level: { in: levelsFrom(key.proof.level) } }
  if ((await db.agentKey.count({ where: stands })) === 0) {
    if ((await db.agentKey.updateMany({ where: { spki, macId: key.mac }, data: proof })).count !== 1) return false
  }
  await db.agentKey.updateMany({ where: { macId: key.mac, revokedAt: null, spki: { not: spki } }, data: { revokedAt: key.provedAt } })
  return true
}

const stored = (level: (typeof LEVELS)[number]): StoredKey['level'] => (level === 'mdm-signed' ? 'mdm_signed' : level)
const levelsFrom = (level: KeyProof['level']): StoredKey['level'][] => LEVELS.slice(LEVELS.indexOf(level)).map(stored)

function columnsOf(proof: KeyProof) {
  const nothing = { ticketId: null, evidenceDigest: null, signatureDigest: null, chain: [], clientData: null }
  if (proof.level === 'ticket') return { ...nothing, level: 'ticket' as const, ticketId: proof.ticketId }
  if (proof.level === 'mdm-signed') {
    const { replyDigest, signatureDigest } = proof
    return { ...nothing, level: 'mdm_signed' as const, evidenceDigest: ownBytes(replyDigest), signatureDigest: ownBytes(signatureDigest) }
  }
  const { chain, clientData, chainDigest } = proof
  return {
    ...nothing,
    level: 'apple' as const,
    evidenceDigest: ownBytes(chainDigest),
    chain: chain.map(ownBytes),
    clientData: ownBytes(clientData),
  }
}

/** The one key now bound to a Mac. */
export async function findAgentKey(db: Db, mac: MacId): Promise<AgentKeyRow | undefined> {
  const row = await db.agentKey.findFirst({ where: { macId: mac, revokedAt: null }, orderBy: { provedAt: 'desc' } })
  return row === null ? undefined : agentKeyOf(row)
}

export function agentKeyOf({ id, macId, enrollmentId, spki, provedAt, ...row }: StoredKey): AgentKeyRow {
  return { id, macId, enrollmentId, spki, provedAt, proof: proofOf(row) }
}

function proofOf(row: Pick<StoredKey, 'level' | 'ticketId' | 'evidenceDigest' | 'signatureDigest' | 'chain' | 'clientData'>): KeyProof {
  const { level, ticketId, evidenceDigest, signatureDigest, chain, clientData } = row
  if (level === 'mdm_signed' && evidenceDigest !== null && signatureDigest !== null) {
    return { level: 'mdm-signed', replyDigest: evidenceDigest, signatureDigest }
  }
  if (level === 'apple' && clientData !== null && evidenceDigest !== null) {
    return { level: 'apple', chain, clientData, chainDigest: evidenceDigest }
  }
  // A stronger level without its evidence counts as the weakest.
  return { level: 'ticket', ticketId: ticketId ?? '' }
}

/** The enrollment that a key was proved under has ended: so does its binding. */
export async function revokeAgentKeys(db: Db, mac: MacId, at: Date): Promise<void> {
  await db.agentKey.updateMany({ where: { macId: mac, revokedAt: null }, data: { revokedAt: at } })
}

/** Macs with a bound key. */
export const countBoundKeys = (db: Db): Promise<number> => db.agentKey.count({ where: { revokedAt: null } })

export type KeyPublicationRow = { nonce: Uint8Array; expiresAt: Date }

/** The name under which this enrollment's agent may publish its key now. */
export async function findOpenPublication(db: Db, enrollmentId: string, now: Date): Promise<KeyPublicationRow | undefined> {
  const where = { enrollmentId, usedAt: null, expiresAt: { gt: now } }
  return (await db.keyPublication.findFirst({ where, orderBy: { issuedAt: 'desc' } })) ?? undefined
}

export async function insertPublication(
  db: Db,
  publication: { nonce: Uint8Array; enrollmentId: string; mac: MacId; issuedAt: Date; expiresAt: Date },
): Promise<void> {
  const { mac, nonce, ...rest } = publication
  await db.keyPublication.create({ data: { ...rest, nonce: ownBytes(nonce), macId: mac } })
}

/** True for one caller: a name binds one key. */
export async function usePublication(db: Db, nonce: Uint8Array, at: Date): Promise<boolean> {
  const where = { nonce: ownBytes(nonce), usedAt: null, expiresAt: { gt: at } }
  return (await db.keyPublication.updateMany({ where, data: { usedAt: at } })).count === 1
}
