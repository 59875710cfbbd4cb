import { type MacId, newId } from '#protocol/ids'
import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'

export type AttestationRow = {
  id: string
  enrollmentId: string
  evidenceDigest: Uint8Array
  chain: Uint8Array[]
  bootSession: string | null
  receivedAt: Date
}

/** False where this very answer is kept already: the Mac has sent it again. */
export async function appendAttestation(
  db: Db,
  attestation: {
    mac: MacId
    enrollmentId: string
    source: 'acme' | 'device_information'
    evidenceDigest: Uint8Array
    chain: readonly Uint8Array[]
    bootSession: string | null
    receivedAt: Date
  },
): Promise<boolean> {
  const { enrollmentId, source } = attestation
  const same = { enrollmentId, source, evidenceDigest: ownBytes(attestation.evidenceDigest) }
  if ((await db.attestation.findFirst({ where: same, select: { id: true } })) !== null) return false
  await db.attestation.create({
    data: {
      id: newId('att'),
      macId: attestation.mac,
      ...same,
      chain: attestation.chain.map(ownBytes),
      bootSession: attestation.bootSession,
      receivedAt: attestation.receivedAt,
    },
  })
  return true
}

/** The newest of one source under one enrollment. */
export async function findLatestAttestation(
  db: Db,
  enrollmentId: string,
  source: 'acme' | 'device_information',
): Promise<AttestationRow | undefined> {
  return (await listLatestAttestations(db, { enrollmentId, source, limit: 1 }))[0]
}

/** Newest first. */
export async function listLatestAttestations(
  db: Db,
  { limit, ...where }: { enrollmentId: string; source: 'acme' | 'device_information'; limit: number },
): Promise<AttestationRow[]> {
  return db.attestation.findMany({ where, orderBy: [{ receivedAt: 'desc' }, { id: 'desc' }], take: limit })
}

export type NonceRow = { nonce: Uint8Array; preimage: Uint8Array; agentKey: Uint8Array; issuedAt: Date }

export async function insertNonce(db: Db, nonce: NonceRow & { mac: MacId; enrollmentId: string }): Promise<void> {
  await db.attestationNonce.create({
    data: {
      nonce: ownBytes(nonce.nonce),
      macId: nonce.mac,
      enrollmentId: nonce.enrollmentId,
      preimage: ownBytes(nonce.preimage),
      agentKey: ownBytes(nonce.agentKey),
      issuedAt: nonce.issuedAt,
    },
  })
}

/** Every nonce that this Mac was sent and that a cached answer could still carry, newest first. */
export async function listNonces(db: Db, mac: MacId, since: Date): Promise<NonceRow[]> {
  const rows = await db.attestationNonce.findMany({ where: { macId: mac, issuedAt: { gte: since } }, orderBy: { issuedAt: 'desc' } })
  return rows.map(({ nonce, preimage, agentKey, issuedAt }) => ({ nonce, preimage, agentKey, issuedAt }))
}

/** Whether a question with this key of deduplication was put to the Mac under this enrollment, and neither withdrawn nor let lapse. */
export async function wasAsked(db: Db, enrollmentId: string, dedupeKey: string): Promise<boolean> {
  const where = { enrollmentId, dedupeKey, state: { notIn: ['cancelled' as const, 'expired' as const] } }
  return (await db.mdmCommand.findFirst({ where, select: { id: true } })) !== null
}
