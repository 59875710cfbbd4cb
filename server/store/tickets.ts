import type { MacId } from '#protocol/ids'
import { ownBytes } from './bytes.ts'
import type { Db } from './client.ts'

export type TicketRow = {
  id: string
  macId: string
  enrollmentId: string
  envelope: Uint8Array | null
  commandId: string | null
  issuedAt: Date
  expiresAt: Date
  deliveredAt: Date | null
}

export async function insertTicket(
  db: Db,
  ticket: { id: string; mac: MacId; enrollmentId: string; envelope: Uint8Array; issuedAt: Date; expiresAt: Date },
): Promise<void> {
  const { mac, envelope, ...rest } = ticket
  await db.ticket.create({ data: { ...rest, macId: mac, envelope: ownBytes(envelope) } })
}

export async function setTicketCommand(db: Db, id: string, commandId: string): Promise<void> {
  await db.ticket.update({ where: { id }, data: { commandId } })
}

/** The newest ticket of an enrollment that is neither used nor expired. */
export async function findOpenTicket(db: Db, enrollmentId: string, now: Date): Promise<TicketRow | undefined> {
  const row = await db.ticket.findFirst({
    where: { enrollmentId, usedAt: null, expiresAt: { gt: now } },
    orderBy: [{ issuedAt: 'desc' }, { id: 'desc' }],
  })
  return row ?? undefined
}

export async function findTicket(db: Db, id: string): Promise<TicketRow | undefined> {
  return (await db.ticket.findUnique({ where: { id } })) ?? undefined
}

/** Marks the ticket that a command carried as delivered. Undefined when it carried none that still waits: told twice, it counts once. */
export async function markTicketDelivered(db: Db, commandId: string, at: Date): Promise<TicketRow | undefined> {
  const waiting = { commandId, deliveredAt: null, usedAt: null, expiresAt: { gt: at } }
  const { count } = await db.ticket.updateMany({ where: waiting, data: { deliveredAt: at } })
  return count === 1 ? ((await db.ticket.findUnique({ where: { commandId } })) ?? undefined) : undefined
}

/** The Mac would not install the ticket that a command carried: it counts as under way until `until`, so that the next one waits. */
export async function markTicketUndeliverable(db: Db, commandId: string, until: Date): Promise<void> {
  await db.ticket.updateMany({
    where: { commandId, deliveredAt: null, usedAt: null, expiresAt: { gt: until } },
    data: { expiresAt: until, envelope: null },
  })
}

/** Makes every ticket of a Mac worthless and forgets the secrets. */
export async function voidTickets(db: Db, mac: MacId, at: Date): Promise<void> {
  await db.ticket.updateMany({ where: { macId: mac, usedAt: null, expiresAt: { gt: at } }, data: { expiresAt: at } })
  await db.ticket.updateMany({ where: { macId: mac, envelope: { not: null } }, data: { envelope: null } })
}

/** Uses a ticket up and forgets its secret, in one statement: of two provers at once only one succeeds. */
export async function burnTicket(db: Db, id: string, at: Date): Promise<boolean> {
  const { count } = await db.ticket.updateMany({
    where: { id, usedAt: null, deliveredAt: { not: null }, expiresAt: { gt: at } },
    data: { usedAt: at, envelope: null },
  })
  return count === 1
}
