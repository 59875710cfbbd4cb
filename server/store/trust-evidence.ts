import { MacId } from '#protocol/ids'
import { type AgentKeyRow, agentKeyOf, type StoredKey } from './agent-keys.ts'
import type { AttestationRow, NonceRow } from './attestations.ts'
import type { Db } from './client.ts'
import type { VerdictRow } from './verdicts.ts'

/** All that the database knows of a Mac's standing, as the decision about it needs it. */
export type TrustRow = {
  mac: MacId
  serial: string
  pool: string | null
  isAppleSilicon: boolean | null
  revokedAt: Date | null
  quarantinedAt: Date | null
  quarantineReason: string | null
  releasedAt: Date | null
  enrollment: {
    id: string
    state: string
    kind: 'profile' | 'automated' | 'external'
    accessRights: number
    provisioningUdid: string | null
    identitySha256: Uint8Array | null
    identityKind: 'acme' | 'scep'
    /** Whether the identity that it is pinned to was revoked. */
    isIdentityRevoked: boolean
    lastSeenAt: Date | null
    /** A later enrollment of this Mac that Apple has attested. */
    supersededBy: string | null
  } | null
  channel: { chain: Uint8Array[]; evidenceDigest: Uint8Array; receivedAt: Date; token: string; certificate: string } | null
  securityInfo: { report: unknown; evidenceDigest: Uint8Array; receivedAt: Date } | null
  key: AgentKeyRow | null
  /** Of the device, newest first. */
  attestations: AttestationRow[]
  /** Where a leaf of these had been received from another Mac before. */
  otherUses: OtherUseRow[]
  /** Newest first. */
  nonces: NonceRow[]
  lastVerdict: VerdictRow | null
}

export type OtherUseRow = { leafSha256: Uint8Array; macId: string; enrollmentId: string; receivedAt: Date }

/** Apple gives one DeviceInformation answer in seven days; re-attestations come at most once in several hours. */
const ATTESTATIONS_LOOKED_AT = 12
const NONCES_LOOKED_AT = 400
const OTHER_USES_LOOKED_AT = 1000

/** Of any number of Macs in five statements. A Mac that is not in the inventory is not in the answer. */
export async function readTrustRows(db: Db, macs: readonly MacId[], noncesSince: Date): Promise<Map<MacId, TrustRow>> {
  const ids = [...macs]
  const [standings, attestations, otherUses, nonces, verdicts] = await Promise.all([
    readStandings(db, ids),
    readAttestations(db, ids),
    readOtherUses(db, ids),
    readNonces(db, ids, noncesSince),
    readVerdicts(db, ids),
  ])
  const attestationsOf = Map.groupBy(attestations, ({ enrollmentId }) => enrollmentId)
  const usesOf = Map.groupBy(otherUses, ({ shownBy }) => shownBy)
  const noncesOf = Map.groupBy(nonces, ({ macId }) => macId)
  const verdictOf = new Map(verdicts.map((one) => [one.macId, one]))
  const byMac = new Map<MacId, TrustRow>()
  for (const standing of standings) {
    const { mac } = standing
    const id = MacId.parse(mac)
    const row = { ...toStanding(standing), mac: id }
    byMac.set(id, {
      ...row,
      attestations: attestationsOf.get(row.enrollment?.id ?? '') ?? [],
      otherUses: usesOf.get(mac) ?? [],
      nonces: noncesOf.get(mac) ?? [],
      lastVerdict: verdictOf.get(mac) ?? null,
    })
  }
  return byMac
}

type Nullable<T> = { [K in keyof T]: T[K] | null }
type Standing = { mac: string } & Pick<
  TrustRow,
  'serial' | 'pool' | 'isAppleSilicon' | 'revokedAt' | 'quarantinedAt' | 'quarantineReason' | 'releasedAt'
> &
  Nullable<{
    enrollmentId: string
    state: string
    kind: 'profile' | 'automated' | 'external'
    accessRights: number
    provisioningUdid: string
    identitySha256: Uint8Array
    identityKind: 'acme' | 'scep'
    isIdentityRevoked: boolean
    lastSeenAt: Date
    supersededBy: string
    keyId: string
    spki: Uint8Array
    keyEnrollment: string
    level: StoredKey['level']
    ticketId: string
    keyEvidence: Uint8Array
    signatureDigest: Uint8Array
    keyChain: Uint8Array[]
    clientData: Uint8Array
    provedAt: Date
    channelChain: Uint8Array[]
    channelEvidence: Uint8Array
    channelReceivedAt: Date
    token: string
    certificate: string
    report: unknown
    reportEvidence: Uint8Array
    reportReceivedAt: Date
  }>

/**
 * The enrollment is the living one that is furthest along, the newest of equals; else the last that had an identity. The attestation
 * of its channel is that of the identity in use.
 */
function readStandings(db: Db, macs: string[]): Promise<Standing[]> {
  return db.$queryRaw`
    SELECT m.id AS mac, m.serial, m.pool, m."isAppleSilicon", m."revokedAt", m."quarantinedAt", m."quarantineReason", m."releasedAt",
      e.id AS "enrollmentId", e.state::text AS state, e.kind::text AS kind, e."accessRights", e."provisioningUdid", e."identitySha256",
      e."identityKind"::text AS "identityKind", e."lastSeenAt",
      EXISTS (SELECT 1 FROM "MdmIdentity" i WHERE i.sha256 = e."identitySha256" AND i."revokedAt" IS NOT NULL) AS "isIdentityRevoked",
      (SELECT n.id FROM "Enrollment" n WHERE n."macId" = m.id AND n."createdAt" > e."createdAt"
        AND n.state IN ('profile_issued', 'acme_attested', 'authenticated', 'enrolled')
        AND EXISTS (SELECT 1 FROM "Attestation" WHERE "enrollmentId" = n.id AND source = 'acme') ORDER BY n."createdAt" DESC LIMIT 1) AS "supersededBy",
      k.id AS "keyId", k.spki, k."enrollmentId" AS "keyEnrollment", k.level::text AS level, k."ticketId", k."evidenceDigest" AS "keyEvidence",
      k."signatureDigest", k.chain AS "keyChain", k."clientData", k."provedAt",
      a.chain AS "channelChain", a."evidenceDigest" AS "channelEvidence", a."receivedAt" AS "channelReceivedAt", o.token, o.certificate,
      s.report, s."evidenceDigest" AS "reportEvidence", s."receivedAt" AS "reportReceivedAt"
    FROM "Mac" m
    LEFT JOIN LATERAL (
      SELECT * FROM "Enrollment" WHERE "macId" = m.id AND (state NOT IN ('unenrolled', 'superseded') OR "identitySha256" IS NOT NULL)
      ORDER BY CASE state WHEN 'enrolled' THEN 5 WHEN 'authenticated' THEN 4 WHEN 'acme_attested' THEN 3 WHEN 'profile_issued' THEN 2
        WHEN 'invited' THEN 1 ELSE 0 END DESC, "createdAt" DESC, id DESC LIMIT 1) e ON TRUE
    LEFT JOIN LATERAL (
      SELECT * FROM "AgentKey" WHERE "macId" = m.id AND "revokedAt" IS NULL ORDER BY "provedAt" DESC LIMIT 1) k ON TRUE
    LEFT JOIN LATERAL (
      SELECT * FROM "AcmeOrder" WHERE "enrollmentId" = e.id AND status = 'valid' AND certificate IS NOT NULL
        AND "identitySha256" = e."identitySha256" ORDER BY "createdAt" DESC LIMIT 1) o ON TRUE
    LEFT JOIN LATERAL (
      SELECT * FROM "Attestation" WHERE "enrollmentId" = e.id AND source = 'acme' AND "evidenceDigest" = o."evidenceDigest"
      ORDER BY "receivedAt" DESC, id DESC LIMIT 1) a ON TRUE
    LEFT JOIN LATERAL (
      SELECT * FROM "SecurityInfo" WHERE "enrollmentId" = e.id ORDER BY "receivedAt" DESC, id DESC LIMIT 1) s ON TRUE
    WHERE m.id = ANY(${macs}::text[])`
}

function readAttestations(db: Db, macs: string[]): Promise<AttestationRow[]> {
  return db.$queryRaw`
    SELECT a.id, a."enrollmentId", a.source::text AS source, a."evidenceDigest", a.chain, a.token, a."bootSession", a."receivedAt"
    FROM "Enrollment" e
    CROSS JOIN LATERAL (
      SELECT * FROM "Attestation" WHERE "enrollmentId" = e.id AND source IN ('device_information', 'acme_reattestation')
      ORDER BY "receivedAt" DESC, id DESC LIMIT ${ATTESTATIONS_LOOKED_AT}) a
    WHERE e."macId" = ANY(${macs}::text[])
    ORDER BY a."receivedAt" DESC, a.id DESC`
}

/**
 * By other Macs, and before this one first showed it: whoever shows an attestation later cannot have had it from Apple, and must not be
 * able to speak against the Mac whose it is.
 */
function readOtherUses(db: Db, macs: string[]): Promise<(OtherUseRow & { shownBy: string })[]> {
  return db.$queryRaw`
    SELECT DISTINCT a."macId" AS "shownBy", b."leafSha256", b."macId", b."enrollmentId", b."receivedAt"
    FROM (SELECT "macId", "leafSha256", min("receivedAt") AS "firstAt" FROM "Attestation"
      WHERE "macId" = ANY(${macs}::text[]) AND "leafSha256" IS NOT NULL GROUP BY "macId", "leafSha256") a
    JOIN "Attestation" b ON b."leafSha256" = a."leafSha256" AND b."macId" <> a."macId" AND b."receivedAt" < a."firstAt"
    LIMIT ${OTHER_USES_LOOKED_AT}`
}

function readNonces(db: Db, macs: string[], since: Date): Promise<(NonceRow & { macId: string })[]> {
  return db.$queryRaw`
    SELECT n."macId", n.nonce, n.preimage, n."agentKey", n."issuedAt"
    FROM unnest(${macs}::text[]) AS mac
    CROSS JOIN LATERAL (
      SELECT * FROM "AttestationNonce" WHERE "macId" = mac AND "issuedAt" >= ${since} ORDER BY "issuedAt" DESC LIMIT ${NONCES_LOOKED_AT}) n
    ORDER BY n."issuedAt" DESC`
}

function readVerdicts(db: Db, macs: string[]): Promise<VerdictRow[]> {
  return db.$queryRaw`
    SELECT v."macId", v.trust, v.reasons, v.until, v."evidenceDigest", v."evidenceAt", v."keyBinding", v."policyVersion", v.waived, v.checks, v."decidedAt"
    FROM unnest(${macs}::text[]) AS mac
    CROSS JOIN LATERAL (SELECT * FROM "Verdict" WHERE "macId" = mac ORDER BY sequence DESC LIMIT 1) v`
}

function toStanding(row: Standing): Omit<TrustRow, 'mac' | 'attestations' | 'otherUses' | 'nonces' | 'lastVerdict'> {
  const { serial, pool, isAppleSilicon, revokedAt, quarantinedAt, quarantineReason, releasedAt } = row
  return {
    ...{ serial, pool, isAppleSilicon, revokedAt, quarantinedAt, quarantineReason, releasedAt },
    enrollment: enrollmentOf(row),
    channel: channelOf(row),
    securityInfo:
      row.reportEvidence === null || row.reportReceivedAt === null
        ? null
        : { report: row.report, evidenceDigest: row.reportEvidence, receivedAt: row.reportReceivedAt },
    key: keyOf(row),
  }
}

function enrollmentOf(row: Standing): TrustRow['enrollment'] {
  const { enrollmentId: id, state, kind, accessRights, provisioningUdid, identitySha256 } = row
  if (id === null || state === null || kind === null || accessRights === null) return null
  const { lastSeenAt, supersededBy, identityKind, isIdentityRevoked } = row
  return {
    ...{ id, state, kind, accessRights, provisioningUdid, identitySha256, lastSeenAt, supersededBy },
    identityKind: identityKind ?? 'acme',
    isIdentityRevoked: isIdentityRevoked === true,
  }
}

function channelOf({ channelChain: chain, channelEvidence: evidenceDigest, channelReceivedAt: receivedAt, token, certificate }: Standing) {
  if (chain === null || evidenceDigest === null || receivedAt === null || token === null || certificate === null) return null
  return { chain, evidenceDigest, receivedAt, token, certificate }
}

function keyOf(row: Standing): AgentKeyRow | null {
  const { keyId: id, spki, keyEnrollment: enrollmentId, level, provedAt, ticketId, signatureDigest, clientData } = row
  if (id === null || spki === null || enrollmentId === null || level === null || provedAt === null) return null
  const proof = { level, ticketId, evidenceDigest: row.keyEvidence, signatureDigest, chain: row.keyChain ?? [], clientData }
  return agentKeyOf({ id, macId: row.mac, enrollmentId, spki, provedAt, ...proof })
}
