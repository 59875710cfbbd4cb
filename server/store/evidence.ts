import { createHash } from 'node:crypto'
import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'

export type EvidenceKind =
  | 'acme-attestation-object'
  | 'device-information-reply'
  | 'security-info-reply'
  | 'mdm-reply'
  /** In which a Mac's MDM client reported the agent's key, and the Mdm-Signature (CMS) over it. */
  | 'certificate-list-reply'
  | 'mdm-signature'
  /** Platform SSO: Apple's certificates of the agent's key, leaf first, as PEM. */
  | 'platform-sso-chain'

/** Keeps bytes exactly as received; the same bytes twice are one row. Returns their SHA-256. */
export async function keepEvidence(db: Db, evidence: { kind: EvidenceKind; raw: Uint8Array; receivedAt: Date }): Promise<Uint8Array> {
  const digest = new Uint8Array(createHash('sha256').update(evidence.raw).digest())
  await db.evidence.createMany({
    data: [{ digest, kind: evidence.kind, raw: ownBytes(evidence.raw), receivedAt: evidence.receivedAt }],
    skipDuplicates: true,
  })
  return digest
}

export async function findEvidence(db: Db, digest: Uint8Array): Promise<{ kind: string; raw: Uint8Array; receivedAt: Date } | undefined> {
  const row = await db.evidence.findUnique({ where: { digest: ownBytes(digest) } })
  return row === null ? undefined : { kind: row.kind, raw: row.raw, receivedAt: row.receivedAt }
}
