import { newId } from '#protocol/ids'
import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'

export type AppleBusinessLinkRow = {
  id: string
  createdAt: Date
  certificate: string
  keyEnvelope: Uint8Array
  tokenEnvelope: Uint8Array | null
  tokenExpiresAt: Date | null
  serverName: string | null
  serverUuid: string | null
  organization: string | null
  cursor: string | null
  isFetching: boolean
  fetchStartedAt: Date | null
  syncedAt: Date | null
  fault: string | null
  profileUuid: string | null
  profileDigest: string | null
  assignsNewMacs: boolean
}

export async function insertLink(
  db: Db,
  link: { certificate: string; seal: (id: string) => Uint8Array; createdAt: Date },
): Promise<AppleBusinessLinkRow> {
  const id = newId('abl')
  const { certificate, createdAt } = link
  return db.appleBusinessLink.create({ data: { id, certificate, createdAt, keyEnvelope: ownBytes(link.seal(id)) } })
}

export async function findLink(db: Db, id: string): Promise<AppleBusinessLinkRow | undefined> {
  return (await db.appleBusinessLink.findFirst({ where: { id, removedAt: null } })) ?? undefined
}

export async function listLinks(db: Db): Promise<AppleBusinessLinkRow[]> {
  return db.appleBusinessLink.findMany({ where: { removedAt: null }, orderBy: { createdAt: 'asc' } })
}

/** Another service of Apple Business means another list: it is read from the beginning. */
export async function installToken(
  db: Db,
  id: string,
  token: { envelope: Uint8Array; expiresAt: Date; serverName: string; serverUuid: string; organization: string | null },
): Promise<void> {
  const { envelope, expiresAt, ...server } = token
  const before = await db.appleBusinessLink.findUniqueOrThrow({ where: { id }, select: { serverUuid: true } })
  const anew = before.serverUuid === server.serverUuid ? {} : { cursor: null, isFetching: true, profileUuid: null, profileDigest: null }
  await db.appleBusinessLink.update({
    where: { id },
    data: { ...server, ...anew, tokenEnvelope: ownBytes(envelope), tokenExpiresAt: expiresAt, fault: null },
  })
}

export async function updateLink(
  db: Db,
  id: string,
  data: Partial<
    Pick<
      AppleBusinessLinkRow,
      'cursor' | 'isFetching' | 'fetchStartedAt' | 'syncedAt' | 'fault' | 'profileUuid' | 'profileDigest' | 'assignsNewMacs'
    >
  >,
): Promise<void> {
  await db.appleBusinessLink.update({ where: { id }, data })
}

/** The same key, or token, in a new envelope, if it still lies in the old one. */
export async function rewrapLink(
  db: Db,
  of: { id: string; what: 'keyEnvelope' | 'tokenEnvelope'; from: Uint8Array; to: Uint8Array },
): Promise<void> {
  const { id, what, from, to } = of
  await db.appleBusinessLink.updateMany({ where: { id, [what]: ownBytes(from) }, data: { [what]: ownBytes(to) } })
}

/** Forgets key and token; what it had assigned stays on record. */
export async function removeLink(db: Db, id: string, at: Date): Promise<boolean> {
  const { count } = await db.appleBusinessLink.updateMany({
    where: { id, removedAt: null },
    data: { removedAt: at, keyEnvelope: new Uint8Array(), tokenEnvelope: null },
  })
  await db.appleBusinessDevice.updateMany({ where: { linkId: id, removedAt: null }, data: { removedAt: at } })
  return count === 1
}

export type AppleBusinessDeviceRow = {
  serial: string
  linkId: string
  model: string | null
  description: string | null
  assetTag: string | null
  profileStatus: string | null
  profileUuid: string | null
  assignOutcome: string | null
  assignedAt: Date | null
  seenAt: Date
  migrationDeadline: Date | null
  removedAt: Date | null
}

export type SeenDevice = Pick<
  AppleBusinessDeviceRow,
  'serial' | 'model' | 'description' | 'assetTag' | 'profileStatus' | 'profileUuid' | 'migrationDeadline'
>

/** What Apple says of Macs of this link, a page in one statement. A Mac that moved from another link is now this one's. */
export async function seeDevices(db: Db, linkId: string, devices: readonly SeenDevice[], at: Date): Promise<void> {
  const column = (name: keyof SeenDevice) => devices.map((device) => device[name])
  await db.$executeRaw`
    INSERT INTO "AppleBusinessDevice"
      (serial, "linkId", model, description, "assetTag", "profileStatus", "profileUuid", "migrationDeadline", "firstSeenAt", "seenAt")
    SELECT seen.*, ${at}, ${at} FROM (
      SELECT serial, ${linkId}, model, description, tag, status, uuid, deadline
      FROM unnest(${column('serial')}::text[], ${column('model')}::text[], ${column('description')}::text[],
        ${column('assetTag')}::text[], ${column('profileStatus')}::text[], ${column('profileUuid')}::text[],
        ${column('migrationDeadline')}::timestamptz[])
        AS page(serial, model, description, tag, status, uuid, deadline)) AS seen
    ON CONFLICT (serial) DO UPDATE SET "linkId" = excluded."linkId", model = excluded.model, description = excluded.description,
      "assetTag" = excluded."assetTag", "profileStatus" = excluded."profileStatus", "profileUuid" = excluded."profileUuid",
      "migrationDeadline" = excluded."migrationDeadline", "seenAt" = excluded."seenAt", "removedAt" = NULL`
}

export async function dropDevices(db: Db, which: { linkId: string; serials: readonly string[] }, at: Date): Promise<void> {
  const { linkId, serials } = which
  await db.appleBusinessDevice.updateMany({ where: { linkId, serial: { in: [...serials] }, removedAt: null }, data: { removedAt: at } })
}

/** After the whole list was read: what was not on it is no longer ours. */
export async function dropDevicesUnseenSince(db: Db, linkId: string, since: Date, at: Date): Promise<number> {
  const { count } = await db.appleBusinessDevice.updateMany({
    where: { linkId, removedAt: null, seenAt: { lt: since } },
    data: { removedAt: at },
  })
  return count
}

export async function findDevice(db: Db, serial: string): Promise<AppleBusinessDeviceRow | undefined> {
  return (await db.appleBusinessDevice.findFirst({ where: { serial, removedAt: null, link: { removedAt: null } } })) ?? undefined
}

/** The Macs that do not have this profile yet, those never tried first; `before`: a failed try is repeated no sooner. */
export async function listDevicesToAssign(
  db: Db,
  of: { linkId: string; profileUuid: string; before: Date; limit: number },
): Promise<string[]> {
  const rows = await db.appleBusinessDevice.findMany({
    where: {
      linkId: of.linkId,
      removedAt: null,
      AND: [
        { OR: [{ profileUuid: null }, { profileUuid: { not: of.profileUuid } }, { profileStatus: { in: ['empty', 'removed'] } }] },
        { OR: [{ assignedAt: null }, { assignedAt: { lt: of.before } }] },
      ],
    },
    orderBy: [{ assignedAt: { sort: 'asc', nulls: 'first' } }, { serial: 'asc' }],
    take: of.limit,
    select: { serial: true },
  })
  return rows.map(({ serial }) => serial)
}

export async function noteAssignment(
  db: Db,
  result: { serials: readonly string[]; outcome: string; profileUuid: string; at: Date },
): Promise<void> {
  const isAssigned = result.outcome === 'SUCCESS'
  await db.appleBusinessDevice.updateMany({
    where: { serial: { in: [...result.serials] } },
    data: {
      assignOutcome: result.outcome,
      assignedAt: result.at,
      ...(isAssigned ? { profileUuid: result.profileUuid, profileStatus: 'assigned' } : {}),
    },
  })
}

export type DeviceCounts = { devices: number; assigned: number; failed: number }

export async function countDevices(db: Db, linkId: string, profileUuid: string | null): Promise<DeviceCounts> {
  const living = { linkId, removedAt: null }
  const [devices, assigned, failed] = await Promise.all([
    db.appleBusinessDevice.count({ where: living }),
    db.appleBusinessDevice.count({ where: { ...living, profileUuid: profileUuid ?? '', profileStatus: { in: ['assigned', 'pushed'] } } }),
    db.appleBusinessDevice.count({ where: { ...living, assignOutcome: { in: ['FAILED', 'NOT_ACCESSIBLE'] } } }),
  ])
  return { devices, assigned, failed }
}

export async function listDevices(
  db: Db,
  linkId: string,
  page: { after: string | undefined; limit: number },
): Promise<AppleBusinessDeviceRow[]> {
  return db.appleBusinessDevice.findMany({
    where: { linkId, removedAt: null, ...(page.after === undefined ? {} : { serial: { gt: page.after } }) },
    orderBy: { serial: 'asc' },
    take: page.limit,
  })
}
