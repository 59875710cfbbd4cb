import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { readJson, writeJson } from '../durable-file.ts'
import { type Payload, ProfileError, stringAt } from './profile.ts'

/** The payload in which the appliance delivers a ticket; on a Mac it lies in the profile store, which only root reads. */
export const TICKET_PAYLOAD = 'dev.espalier.ticket'

const ticketFile = (directory: string) => join(directory, 'managed', 'ticket.json')

export function placeTicket(directory: string, { dict }: Payload): void {
  const ticket = dict.Ticket
  if (!(ticket instanceof Uint8Array)) throw new ProfileError('Ticket is not data')
  writeJson(ticketFile(directory), { ticketId: stringAt(dict, 'TicketID'), ticket: Buffer.from(ticket).toString('base64') })
}

/** Only the ticket that this payload placed: a newer one may stand in its place. */
export function withdrawTicket(directory: string, { dict }: Payload): void {
  const placed = readJson<{ ticketId: string }>(ticketFile(directory))
  if (placed?.ticketId === dict.TicketID) rmSync(ticketFile(directory), { force: true })
}
