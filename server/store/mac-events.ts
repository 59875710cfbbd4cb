import { type MacId, newId } from '#protocol/ids'
import type { MacEvent } from '../fleet/events.ts'
import type { Db } from './client.ts'

export type MacEventRow = {
  id: string
  at: Date
  type: string
  detail: unknown
  sequence: bigint
  mac: { id: string; name: string | null }
}

export async function appendMacEvent(db: Db, mac: MacId, event: MacEvent, at: Date): Promise<void> {
  const { type, ...detail } = event
  await db.macEvent.create({ data: { id: newId('evt'), macId: mac, at, type, detail } })
}

/** Newest first, before the event numbered `before` when given. */
export async function listMacEvents(db: Db, mac: MacId, page: { before?: bigint | undefined; limit: number }): Promise<MacEventRow[]> {
  const where = page.before === undefined ? { macId: mac } : { macId: mac, sequence: { lt: page.before } }
  return db.macEvent.findMany({ where, orderBy: { sequence: 'desc' }, take: page.limit, select: EVENT })
}

/** Of every Mac, newest first. */
export async function listRecentMacEvents(db: Db, limit: number): Promise<MacEventRow[]> {
  return db.macEvent.findMany({ orderBy: { sequence: 'desc' }, take: limit, select: EVENT })
}

const EVENT = {
  id: true,
  at: true,
  type: true,
  detail: true,
  sequence: true,
  mac: { select: { id: true, name: true } },
} as const
