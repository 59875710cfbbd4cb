import type { MacId } from '#protocol/ids'
import type { Commands, StoredCommand } from '../../mdm/ports.ts'
import type { SecretBox } from '../secrets.ts'
import { ownBytes } from './bytes.ts'
import type { Db, Store } from './client.ts'
import type { MdmCommand, Prisma } from './generated/client.ts'

const LIVE = ['queued', 'sent', 'not_now'] as const

/** A command that will not be sent again keeps no payload: a ticket must not outlive its delivery. */
const settledAs = <State extends 'acknowledged' | 'failed' | 'expired' | 'cancelled'>(state: State, at: Date) => ({
  payload: new Uint8Array(),
  state,
  settledAt: at,
})

/** Cancels the live commands among those that `which` names. Returns how many. */
export async function cancelLiveCommands(db: Db, which: Prisma.MdmCommandWhereInput, at: Date): Promise<number> {
  const where = { ...which, state: { in: [...LIVE] } }
  return (await db.mdmCommand.updateMany({ where, data: settledAs('cancelled', at) })).count
}

/**
 * MDM's command queues over PostgreSQL. Every query names the enrollment: an id alone reaches nothing. Payloads carry secrets (a
 * Mac's ticket), so they lie sealed while they wait and are erased once the command is settled.
 */
export function mdmCommandsIn(store: Store, secrets: Pick<SecretBox, 'seal' | 'open'>): Commands {
  return {
    enqueue: (command) => {
      const payload = secrets.seal(payloadName(command.id), command.payload)
      return store.$transaction((tx) => enqueue(tx, { ...command, payload }))
    },
    find: async (enrollmentId, id) => {
      const row = await store.mdmCommand.findFirst({ where: { id, enrollmentId } })
      return row === null ? undefined : toCommand(row, secrets)
    },
    takeNext: async (enrollmentId, moment, at) => {
      const row = await takeNext(store, { enrollmentId, moment, at })
      return row === undefined ? undefined : toCommand(row, secrets)
    },
    settle: async ({ enrollmentId, id, state, replyDigest, error, at }) => {
      const { count } = await store.mdmCommand.updateMany({
        where: { id, enrollmentId, state: { in: ['sent', 'not_now'] } },
        data: {
          ...settledAs(state, at),
          replyDigest: ownBytes(replyDigest),
          ...(error === undefined ? {} : { error: [...error] }),
        },
      })
      return count === 1
    },
    putOff: async (enrollmentId, id) =>
      (await store.mdmCommand.updateMany({ where: { id, enrollmentId, state: 'sent' }, data: { state: 'not_now' } })).count === 1,
    cancel: (enrollmentId, which, at) => cancelLiveCommands(store, { ...which, enrollmentId }, at),
    hasLive: async (enrollmentId, at) =>
      (await store.mdmCommand.findFirst({
        where: { enrollmentId, state: { in: [...LIVE] }, expiresAt: { gt: at } },
        select: { id: true },
      })) !== null,
  }
}

/** The enrollment's row is locked first, so that two equal wishes at one moment become one command. */
async function enqueue(tx: Db, command: Parameters<Commands['enqueue']>[0]): ReturnType<Commands['enqueue']> {
  const { id, enrollmentId, requestType, payload, dedupeKey, supersedes, except, limit, createdAt, expiresAt } = command
  const [enrollment] = await tx.$queryRaw<{ id: string }[]>`
    SELECT "id" FROM "Enrollment" WHERE "id" = ${enrollmentId} AND "state" NOT IN ('unenrolled', 'superseded') FOR UPDATE`
  if (enrollment === undefined) return { status: 'ended' }
  if (supersedes !== undefined) {
    const overtaken = { startsWith: supersedes, ...(dedupeKey === undefined ? {} : { not: dedupeKey }) }
    await cancelLiveCommands(tx, { enrollmentId, dedupeKey: overtaken, id: { notIn: [...except] } }, createdAt)
  }
  const live = await tx.mdmCommand.findMany({
    where: { enrollmentId, state: { in: [...LIVE] }, expiresAt: { gt: createdAt } },
    select: { id: true, dedupeKey: true },
  })
  const twin = live.find((other) => dedupeKey !== undefined && other.dedupeKey === dedupeKey && !except.includes(other.id))
  if (twin !== undefined) return { status: 'duplicate', id: twin.id }
  if (live.length >= limit) return { status: 'full' }
  await tx.mdmCommand.create({
    data: {
      id,
      enrollmentId,
      requestType,
      payload: ownBytes(payload),
      state: 'queued',
      dedupeKey: dedupeKey ?? null,
      createdAt,
      expiresAt,
    },
  })
  return { status: 'queued', id }
}

async function takeNext(
  store: Store,
  { enrollmentId, moment, at }: { enrollmentId: string; moment: 'idle' | 'reply'; at: Date },
): Promise<CarriedCommand | undefined> {
  // One statement for every message of every Mac: what has expired is settled beside it, over rows that the update does not touch.
  // Put-off commands come last, so that one which the Mac never takes holds up no other.
  const [row] = await store.$queryRaw<CarriedCommand[]>`
    WITH expired AS (
      UPDATE "MdmCommand" SET "state" = 'expired', "payload" = ''::bytea, "settledAt" = ${at}
      WHERE "enrollmentId" = ${enrollmentId} AND "state" IN ('queued', 'sent', 'not_now') AND "expiresAt" <= ${at})
    UPDATE "MdmCommand" SET "state" = 'sent', "sentAt" = ${at}
    WHERE "id" = (
      SELECT "id" FROM "MdmCommand"
      WHERE "enrollmentId" = ${enrollmentId} AND "expiresAt" > ${at}
        AND ("state" = 'queued' OR (${moment === 'idle'} AND "state" IN ('sent', 'not_now')))
      ORDER BY "state" = 'not_now', "sequence"
      LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING "id", "enrollmentId", "requestType", "payload", "state"::text AS "state", "dedupeKey"`
  return row
}

type CarriedCommand = Pick<MdmCommand, 'id' | 'enrollmentId' | 'requestType' | 'payload' | 'state' | 'dedupeKey'>

function toCommand(row: CarriedCommand, secrets: Pick<SecretBox, 'open'>): StoredCommand {
  const { id, enrollmentId, requestType, state } = row
  const payload = row.payload.length === 0 ? new Uint8Array() : secrets.open(payloadName(id), row.payload)
  return { id, enrollmentId, requestType, payload, state, dedupeKey: row.dedupeKey ?? undefined }
}

const payloadName = (id: string): string => `mdm-command:${id}`

export type CommandRow = Pick<MdmCommand, 'id' | 'requestType' | 'state' | 'createdAt' | 'sentAt' | 'settledAt' | 'expiresAt' | 'error'>

/** The last commands of a Mac over all its enrollments, newest first; never what they carry. */
export async function listMacCommands(db: Db, mac: MacId, limit: number): Promise<CommandRow[]> {
  return db.mdmCommand.findMany({
    where: { enrollment: { macId: mac } },
    orderBy: { sequence: 'desc' },
    take: limit,
    select: { id: true, requestType: true, state: true, createdAt: true, sentAt: true, settledAt: true, expiresAt: true, error: true },
  })
}

/** True while a command of this kind waits for an enrollment's Mac or for its answer. */
export async function hasLiveCommand(db: Db, enrollmentId: string, requestType: string, at: Date): Promise<boolean> {
  const where = { enrollmentId, requestType, state: { in: [...LIVE] }, expiresAt: { gt: at } }
  return (await db.mdmCommand.findFirst({ where, select: { id: true } })) !== null
}

const REWRAP_PAGE = 200

/** Seals what waits under an earlier ESPALIER_SECRET anew: a payload that does not open would hold up its Mac's queue. */
export async function rewrapCommands(db: Db, secrets: Pick<SecretBox, 'isCurrent' | 'rewrap'>): Promise<void> {
  for (let after = 0n; ; ) {
    const waiting = await db.mdmCommand.findMany({
      where: { state: { in: [...LIVE] }, sequence: { gt: after } },
      orderBy: { sequence: 'asc' },
      take: REWRAP_PAGE,
      select: { id: true, payload: true, sequence: true },
    })
    for (const { id, payload } of waiting) {
      if (payload.length === 0 || secrets.isCurrent(payload)) continue
      const data = { payload: ownBytes(secrets.rewrap(payloadName(id), payload)) }
      await db.mdmCommand.updateMany({ where: { id, payload }, data })
    }
    after = waiting.at(-1)?.sequence ?? after
    if (waiting.length < REWRAP_PAGE) return
  }
}
