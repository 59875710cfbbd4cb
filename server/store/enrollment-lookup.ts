import type { MacId } from '#protocol/ids'
import type { Db, Store } from './client.ts'

export type LivingEnrollment = {
  id: string
  state: (typeof LIVING)[number]
  kind: 'profile' | 'automated' | 'external'
  identityKind: 'acme' | 'scep'
  accessRights: number
  provisioningUdid: string | null
  identitySha256: Uint8Array | null
  lastSeenAt: Date | null
  enrolledAt: Date | null
}

/** Every state of an enrollment that has not ended, in the order in which it passes through them. */
export const LIVING = ['invited', 'profile_issued', 'acme_attested', 'authenticated', 'enrolled'] as const

const ENROLLMENT = {
  id: true,
  state: true,
  kind: true,
  identityKind: true,
  accessRights: true,
  provisioningUdid: true,
  identitySha256: true,
  lastSeenAt: true,
  enrolledAt: true,
} as const

/** The enrollment that speaks for a Mac: the one furthest along, the newest of equals. None: it was never invited, or has left. */
export async function findLivingEnrollment(db: Db, mac: MacId): Promise<LivingEnrollment | undefined> {
  const rows = await db.enrollment.findMany({
    where: { macId: mac, state: { in: [...LIVING] } },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    select: ENROLLMENT,
  })
  const progress = (state: string): number => LIVING.indexOf(state as LivingEnrollment['state'])
  const [furthest] = rows.toSorted((a, b) => progress(b.state) - progress(a.state))
  return furthest as LivingEnrollment | undefined
}

/** Every enrollment of a Mac that has not ended, a mere invitation included. */
export async function listLivingEnrollments(db: Db, mac: MacId): Promise<string[]> {
  const rows = await db.enrollment.findMany({ where: { macId: mac, state: { in: [...LIVING] } }, select: { id: true } })
  return rows.map((row) => row.id)
}

/** Keeps an enrollment as it is until the transaction ends: false when it is not (or no longer) enrolled. */
export async function holdEnrolled(tx: Db, enrollmentId: string): Promise<boolean> {
  const rows = await tx.$queryRaw<object[]>`SELECT 1 FROM "Enrollment" WHERE id = ${enrollmentId} AND state = 'enrolled' FOR UPDATE`
  return rows.length === 1
}

/** As `holdEnrolled`; for a Mac that another MDM server manages, which has no check-in here, its attested identity is enough. */
export async function holdAttested(tx: Db, enrollmentId: string): Promise<boolean> {
  const rows = await tx.$queryRaw<object[]>`
    SELECT 1 FROM "Enrollment" WHERE id = ${enrollmentId}
    AND (state = 'enrolled' OR (kind = 'external' AND state = 'acme_attested')) FOR UPDATE`
  return rows.length === 1
}

/** Reported over the enrollment's authenticated channel; Apple's attestation must later say the same. The first report stands. */
export async function setProvisioningUdid(db: Db, enrollmentId: string, provisioningUdid: string): Promise<void> {
  await db.enrollment.updateMany({ where: { id: enrollmentId, provisioningUdid: null }, data: { provisioningUdid } })
}

export type IdentityOrder = { token: string; certificate: string; evidenceDigest: Uint8Array | null }

/**
 * The order that gave an enrollment the identity which is in use now: the token that Apple's attestation answers, that attestation's
 * digest, and the certificate issued (PEM chain). None for an identity that was revoked, or that SCEP issued: of such a key nothing is
 * attested.
 */
export async function findIdentityOrder(db: Db, enrollmentId: string): Promise<IdentityOrder | undefined> {
  const enrollment = await db.enrollment.findUnique({ where: { id: enrollmentId }, select: { identitySha256: true } })
  if (enrollment?.identitySha256 == null) return undefined
  const sha256 = enrollment.identitySha256
  const identity = await db.mdmIdentity.findUnique({ where: { sha256 }, select: { kind: true, revokedAt: true } })
  if (identity?.kind !== 'acme' || identity.revokedAt !== null) return undefined
  const order = await db.acmeOrder.findFirst({
    where: { enrollmentId, status: 'valid', identitySha256: sha256 },
    select: { token: true, certificate: true, evidenceDigest: true },
  })
  return order?.certificate == null ? undefined : { ...order, certificate: order.certificate }
}

export type EnrollmentRow = {
  id: string
  state: string
  createdAt: Date
  linkExpiresAt: Date
  enrolledAt: Date | null
  lastSeenAt: Date | null
  udid: string | null
  provisioningUdid: string | null
  unreachableAt: Date | null
}

/** The enrollment to show for a Mac: the living one, else the last that was. */
export async function findShownEnrollment(db: Db, mac: MacId): Promise<EnrollmentRow | undefined> {
  const living = await findLivingEnrollment(db, mac)
  const select = {
    id: true,
    state: true,
    createdAt: true,
    linkExpiresAt: true,
    enrolledAt: true,
    lastSeenAt: true,
    udid: true,
    provisioningUdid: true,
    unreachableAt: true,
  }
  const row =
    living === undefined
      ? await db.enrollment.findFirst({ where: { macId: mac }, orderBy: { createdAt: 'desc' }, select })
      : await db.enrollment.findUnique({ where: { id: living.id }, select })
  return row ?? undefined
}

/** What is due for enrolled Macs: the newest of each kind of evidence, or null where there is none yet. */
export type EvidenceAges = {
  macId: string
  enrollmentId: string
  agentKey: Uint8Array | null
  attestedAt: Date | null
  lastAskedAt: Date | null
  securityInfoAt: Date | null
  /** When facts were last asked for; `isFactsAsked`: the question still waits for its answer. */
  factsAskedAt: Date | null
  isFactsAsked: boolean
  trustedUntil: Date | null
}

/** In the order of the enrollments' ids, from the one after `after` on. */
export async function listEvidenceAges(
  store: Store,
  { now, after, limit }: { now: Date; after: string; limit: number },
): Promise<EvidenceAges[]> {
  return store.$queryRaw<EvidenceAges[]>`
    SELECT e."macId", e.id AS "enrollmentId", k.spki AS "agentKey",
      (SELECT max("receivedAt") FROM "Attestation" WHERE "enrollmentId" = e.id AND source = 'device_information') AS "attestedAt",
      (SELECT max("issuedAt") FROM "AttestationNonce" WHERE "enrollmentId" = e.id AND source = 'device_information') AS "lastAskedAt",
      (SELECT max("receivedAt") FROM "SecurityInfo" WHERE "enrollmentId" = e.id) AS "securityInfoAt",
      f."factsAskedAt", COALESCE(f."isFactsAsked", FALSE) AS "isFactsAsked",
      (SELECT CASE WHEN trust = 'trusted' THEN until END FROM "Verdict" WHERE "macId" = e."macId" ORDER BY sequence DESC LIMIT 1) AS "trustedUntil"
    FROM "Enrollment" e
    JOIN "Mac" m ON m.id = e."macId" AND m."revokedAt" IS NULL
    LEFT JOIN "AgentKey" k ON k."macId" = e."macId" AND k."revokedAt" IS NULL
    LEFT JOIN LATERAL (
      SELECT max("createdAt") AS "factsAskedAt", bool_or(state IN ('queued', 'sent', 'not_now') AND "expiresAt" > ${now}) AS "isFactsAsked"
      FROM "MdmCommand" WHERE "enrollmentId" = e.id AND "dedupeKey" = 'security-info') f ON TRUE
    WHERE e.state = 'enrolled' AND e.id > ${after}
    ORDER BY e.id LIMIT ${limit}`
}

export async function countEnrolled(db: Db): Promise<number> {
  return db.enrollment.count({ where: { state: 'enrolled' } })
}

/** How many Macs are enrolled under another push topic than this one, and so would never hear its pushes. */
export async function countEnrolledUnderOtherTopic(db: Db, topic: string): Promise<number> {
  return db.enrollment.count({ where: { state: { in: ['authenticated', 'enrolled'] }, topic: { not: topic } } })
}

/** The Mac that an enrollment's invitation was made for. */
export async function findInvitedMac(db: Db, enrollmentId: string): Promise<{ serial: string; isRevoked: boolean } | undefined> {
  const row = await db.enrollment.findUnique({
    where: { id: enrollmentId },
    select: { mac: { select: { serial: true, revokedAt: true } } },
  })
  return row === null ? undefined : { serial: row.mac.serial, isRevoked: row.mac.revokedAt !== null }
}

/** An invitation of this kind that the Mac has not used yet. */
export async function findOpenInvitation(db: Db, of: { mac: MacId; kind: 'automated' }, now: Date): Promise<string | undefined> {
  const row = await db.enrollment.findFirst({
    where: { macId: of.mac, kind: of.kind, state: { in: ['invited', 'profile_issued'] }, linkExpiresAt: { gt: now } },
    orderBy: { createdAt: 'desc' },
    select: { id: true },
  })
  return row?.id
}
