import type { Enrollment, Enrollments } from '../../mdm/ports.ts'
import { ownBytes } from './bytes.ts'
import type { Db, Store } from './client.ts'
import { LIVING } from './enrollment-lookup.ts'
import type { Enrollment as EnrollmentRow, Prisma } from './generated/client.ts'
import { cancelLiveCommands } from './mdm-commands.ts'

const NO_PUSH = { pushToken: null, pushMagic: null, enrolledAt: null }

type Row = EnrollmentRow & { mac: { serial: string } }

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
    findByClientIdentifier: (hash) => findBy({ clientIdentifierHash: ownBytes(hash) }),
    findByIdentity: (hash) => findBy({ identitySha256: ownBytes(hash) }),
    issueProfile: (issue) => issueProfile(store, issue),
    authenticate: (message) => store.$transaction((tx) => authenticate(tx, message)),
    recordPush: ({ id, token, magic, at }) =>
      changed(store, {
        where: { id, state: { in: ['authenticated', 'enrolled'] } },
        data: { pushToken: ownBytes(token), pushMagic: magic, lastSeenAt: at },
      }),
    markEnrolled: (id, at) =>
      changed(store, { where: { id, state: 'authenticated', pushToken: { not: null } }, data: { state: 'enrolled', enrolledAt: at } }),
    end: (id, at) => store.$transaction((tx) => end(tx, id, at)),
    touch: async (id, at) => {
      await changed(store, { where: { id }, data: { lastSeenAt: at } })
    },
  }
}

async function changed(db: Db, update: { where: Prisma.EnrollmentWhereInput; data: Prisma.EnrollmentUpdateManyMutationInput }) {
  return (await db.enrollment.updateMany(update)).count === 1
}

async function create(store: Store, invitation: Parameters<Enrollments['create']>[0]): Promise<void> {
  const { id, macId, linkHash, linkExpiresAt, createdAt } = invitation
  await store.$transaction([
    store.enrollment.updateMany({
      where: { macId, state: { in: ['invited', 'profile_issued'] } },
      data: { state: 'superseded', endedAt: createdAt },
    }),
    store.enrollment.create({ data: { id, macId, state: 'invited', linkHash: ownBytes(linkHash), linkExpiresAt, createdAt } }),
  ])
}

function issueProfile(db: Db, issue: Parameters<Enrollments['issueProfile']>[0]): Promise<boolean> {
  return changed(db, {
    where: {
      id: issue.id,
      state: { in: ['invited', 'profile_issued'] },
      clientIdentifierUsedAt: null,
      linkExpiresAt: { gt: issue.at },
    },
    data: {
      state: 'profile_issued',
      clientIdentifierHash: ownBytes(issue.clientIdentifierHash),
      clientIdentifierExpiresAt: issue.clientIdentifierExpiresAt,
      accessRights: issue.accessRights,
    },
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
  return true
}

function toEnrollment(row: Row): Enrollment {
  return {
    id: row.id,
    macId: row.macId,
    serial: row.mac.serial,
    state: row.state,
    linkExpiresAt: row.linkExpiresAt,
    clientIdentifierExpiresAt: row.clientIdentifierExpiresAt ?? undefined,
    clientIdentifierUsedAt: row.clientIdentifierUsedAt ?? undefined,
    accessRights: row.accessRights,
    identitySha256: row.identitySha256 ?? undefined,
    udid: row.udid ?? undefined,
    topic: row.topic ?? undefined,
    pushToken: row.pushToken ?? undefined,
    pushMagic: row.pushMagic ?? undefined,
    enrolledAt: row.enrolledAt ?? undefined,
  }
}
