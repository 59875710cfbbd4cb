import type { MacId } from '#protocol/ids'
import { ownBytes } from './bytes.ts'
import type { Db, Store } from './client.ts'

/** The identity in use of an enrolled Mac, and what was done so far about the next one. */
export type RenewalRow = {
  enrollmentId: string
  macId: string
  notBefore: Date
  notAfter: Date
  attempts: number
  askedAt: Date | null
  givenUpAt: Date | null
}

/**
 * Enrolled Macs past `share` of their identity's life, the one that expires first coming first. A revoked identity is not renewed, and
 * an external enrollment has no channel over which it could be.
 */
export async function listAgingIdentities(store: Store, { now, share, limit }: { now: Date; share: number; limit: number }) {
  return store.$queryRaw<RenewalRow[]>`
    SELECT e.id AS "enrollmentId", e."macId", i."notBefore", i."notAfter", e."renewalAttempts" AS attempts,
      e."renewalAskedAt" AS "askedAt", e."renewalGivenUpAt" AS "givenUpAt"
    FROM "Enrollment" e
    JOIN "MdmIdentity" i ON i.sha256 = e."identitySha256" AND i."revokedAt" IS NULL
    WHERE e.state = 'enrolled' AND e.kind <> 'external'
      AND ${now}::timestamptz >= i."notBefore" + (i."notAfter" - i."notBefore") * ${share}::double precision
    ORDER BY e."renewalGivenUpAt" IS NOT NULL, i."notAfter", e.id
    LIMIT ${limit}`
}

/** The same of one Mac, whatever its identity's age. */
export async function findRenewal(store: Store, mac: MacId): Promise<RenewalRow | undefined> {
  const [row] = await store.$queryRaw<RenewalRow[]>`
    SELECT e.id AS "enrollmentId", e."macId", i."notBefore", i."notAfter", e."renewalAttempts" AS attempts,
      e."renewalAskedAt" AS "askedAt", e."renewalGivenUpAt" AS "givenUpAt"
    FROM "Enrollment" e
    JOIN "MdmIdentity" i ON i.sha256 = e."identitySha256" AND i."revokedAt" IS NULL
    WHERE e."macId" = ${mac} AND e.state = 'enrolled' AND e.kind <> 'external'`
  return row
}

/** Counts an attempt, unless another replica has asked since `askedAt` was read. */
export async function recordRenewalAttempt(
  db: Db,
  attempt: { enrollmentId: string; askedAt: Date | null; attempts: number; at: Date },
): Promise<boolean> {
  const { enrollmentId, askedAt, attempts, at } = attempt
  const { count } = await db.enrollment.updateMany({
    where: { id: enrollmentId, state: 'enrolled', renewalAskedAt: askedAt },
    data: { renewalAskedAt: at, renewalAttempts: attempts, renewalGivenUpAt: null },
  })
  return count === 1
}

export async function giveRenewalUp(db: Db, enrollmentId: string, at: Date): Promise<boolean> {
  const where = { id: enrollmentId, state: 'enrolled' as const, renewalGivenUpAt: null }
  return (await db.enrollment.updateMany({ where, data: { renewalGivenUpAt: at } })).count === 1
}

/** The identity in use of the Mac's enrollment that is enrolled. */
export async function findIdentityInUse(db: Db, mac: MacId): Promise<{ enrollmentId: string; sha256: Uint8Array } | undefined> {
  const row = await db.enrollment.findFirst({
    where: { macId: mac, state: { in: ['acme_attested', 'authenticated', 'enrolled'] }, identitySha256: { not: null } },
    orderBy: [{ enrolledAt: { sort: 'desc', nulls: 'last' } }, { createdAt: 'desc' }],
    select: { id: true, identitySha256: true },
  })
  return row?.identitySha256 == null ? undefined : { enrollmentId: row.id, sha256: row.identitySha256 }
}

export async function findIdentityOwner(db: Db, sha256: Uint8Array): Promise<{ enrollmentId: string; macId: string } | undefined> {
  const row = await db.mdmIdentity.findUnique({
    where: { sha256: ownBytes(sha256) },
    select: { enrollmentId: true, enrollment: { select: { macId: true } } },
  })
  return row === null ? undefined : { enrollmentId: row.enrollmentId, macId: row.enrollment.macId }
}
