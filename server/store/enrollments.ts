import type { ClientIdentifier, Enrollment, Enrollments, NewClientIdentifier } from '../../mdm/ports.ts'
import { forgetBootstrapTokens } from './bootstrap-tokens.ts'
import { ownBytes } from './bytes.ts'
import { type Db, type Store, undoable } from './client.ts'
import { holdEnrolled, LIVING } from './enrollment-lookup.ts'
import type { ClientIdentifier as CodeRow, Enrollment as EnrollmentRow, MdmIdentity as IdentityRow, Prisma } from './generated/client.ts'
import { cancelLiveCommands } from './mdm-commands.ts'
import { addScepIdentity, promoteIdentity, revokeIdentities, toIdentity } from './mdm-identities.ts'

const NO_PUSH = { pushToken: null, pushMagic: null, unreachableAt: null, enrolledAt: null }

type Row = Pick<
  EnrollmentRow,
  | 'id'
  | 'macId'
  | 'kind'
  | 'identityKind'
  | 'state'
  | 'linkExpiresAt'
  | 'accessRights'
  | 'identitySha256'
  | 'udid'
  | 'topic'
  | 'pushToken'
  | 'pushMagic'
  | 'unreachableAt'
  | 'awaitingConfiguration'
  | 'enrolledAt'
> & { mac: { serial: string } }
type Bytes = IdentityRow['sha256']
const WITH_ENROLLMENT = { enrollment: { include: { mac: { select: { serial: true } } } } } as const

/** MDM's enrollments over PostgreSQL. Every one-time step is one conditional UPDATE, or a transaction that begins with one. */
export function enrollmentsIn(store: Store): Enrollments {
  const findBy = async (where: Prisma.EnrollmentWhereUniqueInput) => {
    const row = await store.enrollment.findUnique({ where, include: { mac: { select: { serial: true } } } })
    return row === null ? undefined : toEnrollment(row)
  }
  return {
    create: (invitation) => create(store, invitation),
    find: (id) => findBy({ id }),
    findByLink: (hash) => findBy({ linkHash: ownBytes(hash) }),
    findByClientIdentifier: async (hash) => {
      const row = await store.clientIdentifier.findUnique({ where: { hash: ownBytes(hash) }, include: WITH_ENROLLMENT })
      return row === null ? undefined : { clientIdentifier: toClientIdentifier(row), enrollment: toEnrollment(row.enrollment) }
    },
    findByIdentity: (hash) => findByIdentity(store, hash),
    issueProfile: (issue) => store.$transaction((tx) => issueProfile(tx, issue)),
    addClientIdentifier: (issue) => store.$transaction((tx) => addClientIdentifier(tx, issue)),
    addIdentity: (issue) => undoable(store, (tx) => addScepIdentity(tx, issue)),
    promoteIdentity: (use) => store.$transaction((tx) => promoteIdentity(tx, use)),
    revokeIdentities: (which, revocation) => revokeIdentities(store, which, revocation),
    authenticate: (message) => store.$transaction((tx) => authenticate(tx, message)),
    recordPush: ({ id, token, magic, awaitingConfiguration, at }) =>
      changed(store, {
        where: { id, state: { in: ['authenticated', 'enrolled'] } },
        data: { pushToken: ownBytes(token), pushMagic: magic, unreachableAt: null, awaitingConfiguration, lastSeenAt: at },
      }),
    markConfigured: async (id) => {
      await changed(store, { where: { id }, data: { awaitingConfiguration: false } })
    },
    markEnrolled: (id, at) =>
      changed(store, { where: { id, state: 'authenticated', pushToken: { not: null } }, data: { state: 'enrolled', enrolledAt: at } }),
    end: (id, at) => store.$transaction((tx) => end(tx, id, at)),
    markUnreachable: ({ id, token, at }) =>
      changed(store, { where: { id, pushToken: ownBytes(token), unreachableAt: null }, data: { unreachableAt: at } }),
    touch: async (id, at) => {
      await changed(store, { where: { id }, data: { lastSeenAt: at, unreachableAt: null } })
    },
  }
}

/** In one statement: every message of every Mac begins with it. */
async function findByIdentity(store: Store, hash: Uint8Array): ReturnType<Enrollments['findByIdentity']> {
  const [row] = await store.$queryRaw<IdentifiedRow[]>`
    SELECT e.id, e."macId", m.serial, e.kind::text AS kind, e."identityKind"::text AS "identityKind", e.state::text AS state,
      e."linkExpiresAt", e."accessRights", e."identitySha256", e.udid, e.topic, e."pushToken", e."pushMagic", e."unreachableAt",
      e."awaitingConfiguration", e."enrolledAt", i.sha256 AS "ofIdentity", i.kind::text AS "ofKind", i."notBefore", i."notAfter",
      i."supersededAt", i."revokedAt"
    FROM "MdmIdentity" i JOIN "Enrollment" e ON e.id = i."enrollmentId" JOIN "Mac" m ON m.id = e."macId"
    WHERE i.sha256 = ${ownBytes(hash)}`
  if (row === undefined) return undefined
  const { ofIdentity: sha256, ofKind: kind, notBefore, notAfter, supersededAt, revokedAt, serial, ...enrollment } = row
  const identity = { sha256, enrollmentId: enrollment.id, kind, notBefore, notAfter, supersededAt, revokedAt }
  return { identity: toIdentity(identity, enrollment.identitySha256), enrollment: toEnrollment({ ...enrollment, mac: { serial } }) }
}

type IdentifiedRow = Omit<Row, 'mac'> & { serial: string; ofIdentity: Bytes; ofKind: IdentityRow['kind'] } & Pick<
    IdentityRow,
    'notBefore' | 'notAfter' | 'supersededAt' | 'revokedAt'
  >

async function changed(db: Db, update: { where: Prisma.EnrollmentWhereInput; data: Prisma.EnrollmentUpdateManyMutationInput }) {
  return (await db.enrollment.updateMany(update)).count === 1
}

async function create(store: Store, invitation: Parameters<Enrollments['create']>[0]): Promise<void> {
  const { id, macId, kind, identityKind, linkHash, linkExpiresAt, createdAt } = invitation
  await store.$transaction([
    store.enrollment.updateMany({
      where: { macId, state: { in: ['invited', 'profile_issued'] }, ...(kind === 'automated' ? { kind } : {}) },
      data: { state: 'superseded', endedAt: createdAt },
    }),
    store.enrollment.create({
      data: { id, macId, kind, identityKind, state: 'invited', linkHash: ownBytes(linkHash), linkExpiresAt, createdAt },
    }),
  ])
}

/** The enrollment's row is locked first: a code that is being used just now is seen as used. */
async function issueProfile(tx: Db, issue: Parameters<Enrollments['issueProfile']>[0]): Promise<boolean> {
  const { id, accessRights, at } = issue
  const isIssued = await changed(tx, {
    where: { id, state: { in: ['invited', 'profile_issued'] }, linkExpiresAt: { gt: at } },
    data: { state: 'profile_issued', accessRights },
  })
  if (!isIssued) return false
  const used = await tx.clientIdentifier.findFirst({ where: { enrollmentId: id, usedAt: { not: null } }, select: { hash: true } })
  if (used !== null) return false
  await replaceClientIdentifier(tx, issue)
  return true
}

async function addClientIdentifier(tx: Db, issue: Parameters<Enrollments['addClientIdentifier']>[0]): Promise<boolean> {
  if (!(await holdEnrolled(tx, issue.id))) return false
  await replaceClientIdentifier(tx, issue)
  return true
}

async function replaceClientIdentifier(tx: Db, issue: { id: string; clientIdentifier: NewClientIdentifier; at: Date }): Promise<void> {
  const { id: enrollmentId, clientIdentifier, at } = issue
  const { hash, protocol, purpose, token, expiresAt } = clientIdentifier
  await tx.clientIdentifier.deleteMany({ where: { enrollmentId, purpose, usedAt: null } })
  await tx.clientIdentifier.create({
    data: { hash: ownBytes(hash), enrollmentId, protocol, purpose, token: token ?? null, createdAt: at, expiresAt },
  })
}

async function authenticate(tx: Db, message: Parameters<Enrollments['authenticate']>[0]): Promise<boolean> {
  const { id, udid, topic, at } = message
  const stands = await changed(tx, {
    where: { id, state: { in: ['acme_attested', 'authenticated', 'enrolled'] } },
    data: { ...NO_PUSH, state: 'authenticated', udid, topic, lastSeenAt: at },
  })
  if (!stands) return false
  const { macId } = await tx.enrollment.findUniqueOrThrow({ where: { id }, select: { macId: true } })
  await cancelLiveCommands(tx, { enrollment: { macId } }, at)
  await forgetBootstrapTokens(tx, { enrollment: { macId } })
  await tx.enrollment.updateMany({
    where: { macId, id: { not: id }, state: { in: [...LIVING] } },
    data: { ...NO_PUSH, state: 'superseded', endedAt: at },
  })
  return true
}

async function end(tx: Db, id: string, at: Date): Promise<boolean> {
  const ended = await changed(tx, {
    where: { id, state: { in: [...LIVING] } },
    data: { ...NO_PUSH, state: 'unenrolled', endedAt: at },
  })
  if (!ended) return false
  await cancelLiveCommands(tx, { enrollmentId: id }, at)
  await forgetBootstrapTokens(tx, { enrollmentId: id })
  return true
}

function toEnrollment(row: Row): Enrollment {
  return {
    id: row.id,
    macId: row.macId,
    kind: row.kind,
    identityKind: row.identityKind,
    serial: row.mac.serial,
    state: row.state,
    linkExpiresAt: row.linkExpiresAt,
    accessRights: row.accessRights,
    identitySha256: row.identitySha256 ?? undefined,
    udid: row.udid ?? undefined,
    topic: row.topic ?? undefined,
    pushToken: row.pushToken ?? undefined,
    pushMagic: row.pushMagic ?? undefined,
    unreachableAt: row.unreachableAt ?? undefined,
    awaitingConfiguration: row.awaitingConfiguration,
    enrolledAt: row.enrolledAt ?? undefined,
  }
}

function toClientIdentifier({ hash, enrollmentId, protocol, purpose, token, expiresAt, usedAt }: CodeRow): ClientIdentifier {
  return { hash, enrollmentId, protocol, purpose, token: token ?? undefined, expiresAt, usedAt: usedAt ?? undefined }
}
