import type { MacId } from '#protocol/ids'
import type { Db, Store } from './client.ts'

export type LivingEnrollment = {
  id: string
  state: (typeof LIVING)[number]
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

export type EvidentEnrollment = Omit<LivingEnrollment, 'state'> & { state: string }

/** The enrollment that a Mac's evidence came under: the living one, else the last that had an identity. What has ended is no less true. */
export async function findEvidentEnrollment(db: Db, mac: MacId): Promise<EvidentEnrollment | undefined> {
  const ended = () =>
    db.enrollment.findFirst({
      where: { macId: mac, identitySha256: { not: null } },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      select: ENROLLMENT,
    })
  return (await findLivingEnrollment(db, mac)) ?? (await ended()) ?? undefined
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

/** Reported over the enrollment's authenticated channel; Apple's attestation must later say the same. The first report stands. */
export async function setProvisioningUdid(db: Db, enrollmentId: string, provisioningUdid: string): Promise<void> {
  await db.enrollment.updateMany({ where: { id: enrollmentId, provisioningUdid: null }, data: { provisioningUdid } })
}

/** The order that gave an enrollment its identity: the token that Apple's attestation answers, and the certificate issued (PEM chain). */
export async function findIdentityOrder(db: Db, enrollmentId: string): Promise<{ token: string; certificate: string } | undefined> {
  const order = await db.acmeOrder.findFirst({
    where: { enrollmentId, status: 'valid', certificate: { not: null } },
    orderBy: { createdAt: 'desc' },
    select: { token: true, certificate: true },
  })
  return order?.certificate == null ? undefined : { token: order.token, certificate: order.certificate }
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

export async function listEvidenceAges(store: Store, now: Date): Promise<EvidenceAges[]> {
  return store.$queryRaw<EvidenceAges[]>`
    SELECT e."macId", e.id AS "enrollmentId", k.spki AS "agentKey",
      (SELECT max("receivedAt") FROM "Attestation" WHERE "enrollmentId" = e.id AND source = 'device_information') AS "attestedAt",
      (SELECT max("issuedAt") FROM "AttestationNonce" WHERE "enrollmentId" = e.id) AS "lastAskedAt",
      (SELECT max("receivedAt") FROM "SecurityInfo" WHERE "enrollmentId" = e.id) AS "securityInfoAt",
      f."factsAskedAt", COALESCE(f."isFactsAsked", FALSE) AS "isFactsAsked",
      (SELECT CASE WHEN trust = 'trusted' THEN until END FROM "Verdict" WHERE "macId" = e."macId" ORDER BY sequence DESC LIMIT 1) AS "trustedUntil"
    FROM "Enrollment" e
    JOIN "Mac" m ON m.id = e."macId" AND m."revokedAt" IS NULL
    LEFT JOIN "AgentKey" k ON k."macId" = e."macId" AND k."revokedAt" IS NULL
    LEFT JOIN LATERAL (
      SELECT max("createdAt") AS "factsAskedAt", bool_or(state IN ('queued', 'sent', 'not_now') AND "expiresAt" > ${now}) AS "isFactsAsked"
      FROM "MdmCommand" WHERE "enrollmentId" = e.id AND "dedupeKey" = 'security-info') f ON TRUE
    WHERE e.state = 'enrolled'`
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
