import { createHash } from 'node:crypto'
import { type MacId, newId } from '#protocol/ids'
import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'

/** `acme`: of the MDM identity's key. The other two are of the device, under a nonce that commits to the agent's key. */
export type AttestationKind = 'acme' | 'device_information' | 'acme_reattestation'
/** By which path Apple was asked about the device. */
export type QuestionPath = 'device_information' | 'acme_reattestation'

export type AttestationRow = {
  id: string
  enrollmentId: string
  source: AttestationKind
  evidenceDigest: Uint8Array
  chain: Uint8Array[]
  /** ACME: the challenge's token. */
  token: string | null
  bootSession: string | null
  receivedAt: Date
}

/** False where this very answer is kept already: the Mac has sent it again. */
export async function appendAttestation(
  db: Db,
  attestation: {
    mac: MacId
    enrollmentId: string
    source: AttestationKind
    evidenceDigest: Uint8Array
    chain: readonly Uint8Array[]
    token?: string
    bootSession: string | null
    receivedAt: Date
  },
): Promise<boolean> {
  const { enrollmentId, source } = attestation
  const same = { enrollmentId, source, evidenceDigest: ownBytes(attestation.evidenceDigest) }
  if ((await db.attestation.findFirst({ where: same, select: { id: true } })) !== null) return false
  const [leaf] = attestation.chain
  await db.attestation.create({
    data: {
      id: newId('att'),
      macId: attestation.mac,
      ...same,
      chain: attestation.chain.map(ownBytes),
      token: attestation.token ?? null,
      leafSha256: leaf === undefined ? null : leafDigest(leaf),
      bootSession: attestation.bootSession,
      receivedAt: attestation.receivedAt,
    },
  })
  return true
}

const leafDigest = (leaf: Uint8Array) => ownBytes(createHash('sha256').update(leaf).digest())

/** The newest of one source under one enrollment. */
export async function findLatestAttestation(db: Db, enrollmentId: string, source: AttestationKind): Promise<AttestationRow | undefined> {
  const row = await db.attestation.findFirst({ where: { enrollmentId, source }, orderBy: NEWEST })
  return row === null ? undefined : toRow(row)
}

const NEWEST = [{ receivedAt: 'desc' as const }, { id: 'desc' as const }]

/** Platform SSO's are kept with the key that they bind. */
const toRow = (row: Omit<AttestationRow, 'source'> & { source: string }): AttestationRow => ({
  ...row,
  source: row.source as AttestationKind,
})

export type NonceRow = { nonce: Uint8Array; preimage: Uint8Array; agentKey: Uint8Array; issuedAt: Date }

export async function insertNonce(db: Db, nonce: NonceRow & { mac: MacId; enrollmentId: string; source: QuestionPath }): Promise<void> {
  await db.attestationNonce.create({
    data: {
      nonce: ownBytes(nonce.nonce),
      macId: nonce.mac,
      enrollmentId: nonce.enrollmentId,
      preimage: ownBytes(nonce.preimage),
      agentKey: ownBytes(nonce.agentKey),
      source: nonce.source,
      issuedAt: nonce.issuedAt,
    },
  })
}

/** Whether a question with this key of deduplication was put to the Mac under this enrollment, and neither withdrawn nor let lapse. */
export async function wasAsked(db: Db, enrollmentId: string, dedupeKey: string): Promise<boolean> {
  const where = { enrollmentId, dedupeKey, state: { notIn: ['cancelled' as const, 'expired' as const] } }
  return (await db.mdmCommand.findFirst({ where, select: { id: true } })) !== null
}
