import type { Enrollments, Identity, NewIdentity } from '../../mdm/ports.ts'
import { ownBytes } from './bytes.ts'
import { type Db, Undo } from './client.ts'
import type { MdmIdentity } from './generated/client.ts'

/**
 * Enters an identity that was just issued. A Mac on its way through enrollment uses it from now on, and the newest attested of a Mac's
 * external enrollments displaces the older ones; a renewed one waits for its first message. The caller holds the enrollment's row.
 */
export async function addIdentity(
  tx: Db,
  issued: { enrollmentId: string; purpose: 'enrollment' | 'renewal' | 'external' | 'reattestation'; identity: NewIdentity; at: Date },
): Promise<void> {
  const { enrollmentId, purpose, identity, at } = issued
  const sha256 = ownBytes(identity.sha256)
  await tx.mdmIdentity.create({ data: { ...identity, sha256, enrollmentId, issuedAt: at } })
  if (purpose !== 'enrollment' && purpose !== 'external') return
  const { macId } = await tx.enrollment.update({
    where: { id: enrollmentId },
    data: { state: 'acme_attested', identitySha256: sha256 },
    select: { macId: true },
  })
  if (purpose !== 'external') return
  const older = { macId, kind: 'external', state: 'acme_attested', id: { not: enrollmentId } } as const
  await tx.enrollment.updateMany({ where: older, data: { state: 'superseded', endedAt: at } })
}

/** What SCEP issued: the code is burnt in the same transaction. Undoes it where the code or the enrollment is not (any longer) right. */
export async function addScepIdentity(tx: Db, issue: Parameters<Enrollments['addIdentity']>[0]): Promise<void> {
  const { enrollmentId, purpose, codeHash, identity, at } = issue
  const [row] = await tx.$queryRaw<{ state: string; identityKind: string; identitySha256: Uint8Array | null }[]>`
    SELECT "state", "identityKind", "identitySha256" FROM "Enrollment" WHERE "id" = ${enrollmentId} FOR UPDATE`
  const stands = row?.state === (purpose === 'enrollment' ? 'profile_issued' : 'enrolled')
  if (!stands || row.identityKind !== identity.kind) throw new Undo()
  if (codeHash !== undefined) {
    const code = { hash: ownBytes(codeHash), enrollmentId, protocol: identity.kind, purpose, usedAt: null }
    if ((await tx.clientIdentifier.updateMany({ where: code, data: { usedAt: at } })).count !== 1) throw new Undo()
  } else if (purpose !== 'renewal') throw new Undo()
  const inUse = row.identitySha256 === null ? {} : { sha256: { not: ownBytes(row.identitySha256) } }
  await tx.mdmIdentity.updateMany({ where: { enrollmentId, supersededAt: null, ...inUse }, data: { supersededAt: at } })
  await addIdentity(tx, { enrollmentId, purpose, identity, at })
}

/** The first message under a renewed identity. None takes the place of one that was revoked: that Mac has to enroll anew. */
export async function promoteIdentity(tx: Db, use: Parameters<Enrollments['promoteIdentity']>[0]): Promise<boolean> {
  const { enrollmentId, at } = use
  const sha256 = ownBytes(use.sha256)
  // Both rows are held: a revocation at this very moment waits, and then finds an identity that counts no more.
  const [enrollment] = await tx.$queryRaw<{ identitySha256: Uint8Array }[]>`
    SELECT e."identitySha256" FROM "Enrollment" e JOIN "MdmIdentity" i ON i."sha256" = e."identitySha256"
    WHERE e."id" = ${enrollmentId} AND e."state" NOT IN ('unenrolled', 'superseded') AND i."revokedAt" IS NULL FOR UPDATE`
  if (enrollment === undefined) return false
  const identity = await tx.mdmIdentity.findUnique({ where: { sha256 } })
  if (identity?.enrollmentId !== enrollmentId || standingOf(identity, enrollment.identitySha256) !== 'pending') return false
  await tx.mdmIdentity.updateMany({
    where: { enrollmentId, sha256: { not: sha256 }, issuedAt: { lte: identity.issuedAt }, supersededAt: null },
    data: { supersededAt: at },
  })
  const renewed = { renewalAttempts: 0, renewalAskedAt: null, renewalGivenUpAt: null }
  await tx.enrollment.update({ where: { id: enrollmentId }, data: { identitySha256: sha256, ...renewed } })
  return true
}

export async function revokeIdentities(
  db: Db,
  which: { enrollmentId: string } | { sha256: Uint8Array },
  { reason, at }: { reason: string; at: Date },
): Promise<number> {
  const named = 'sha256' in which ? { sha256: ownBytes(which.sha256) } : which
  const where = { ...named, revokedAt: null, supersededAt: null }
  return (await db.mdmIdentity.updateMany({ where, data: { revokedAt: at, revocationReason: reason } })).count
}

type JudgedIdentity = Pick<MdmIdentity, 'sha256' | 'enrollmentId' | 'kind' | 'notBefore' | 'notAfter' | 'supersededAt' | 'revokedAt'>

export function toIdentity(row: JudgedIdentity, current: Uint8Array | null): Identity {
  const { sha256, enrollmentId, kind, notBefore, notAfter } = row
  return { sha256, enrollmentId, kind, standing: standingOf(row, current), notBefore, notAfter }
}

function standingOf(row: JudgedIdentity, current: Uint8Array | null): Identity['standing'] {
  if (row.revokedAt !== null) return 'revoked'
  if (row.supersededAt !== null) return 'superseded'
  return current !== null && Buffer.compare(current, row.sha256) === 0 ? 'current' : 'pending'
}
