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
): Promise<void> {
  await db.attestation.create({
    data: {
      id: newId('att'),
      macId: attestation.mac,
      enrollmentId: attestation.enrollmentId,
      source: attestation.source,
      evidenceDigest: ownBytes(attestation.evidenceDigest),
      chain: attestation.chain.map(ownBytes),
      bootSession: attestation.bootSession,
      receivedAt: attestation.receivedAt,
    },
  })
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
  return db.attestation.findMany({ where, orderBy: { receivedAt: 'desc' }, take: limit })
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

/** Whether Apple was ever asked about this key under this enrollment. */
export async function wasAskedAbout(db: Db, enrollmentId: string, agentKey: Uint8Array): Promise<boolean> {
  return (await db.attestationNonce.count({ where: { enrollmentId, agentKey: ownBytes(agentKey) }, take: 1 })) > 0
}
