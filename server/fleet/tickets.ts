import { utf8 } from '#protocol/bytes'
import { type MacId, newId } from '#protocol/ids'
import { installProfile } from '../../mdm/commands/install-profile.ts'
import { removeProfile } from '../../mdm/commands/remove-profile.ts'
import { writePlist } from '../../mdm/plist/write-plist.ts'
import type { Mdm } from '../../mdm/ports.ts'
import type { Clock } from '../clock.ts'
import type { SecretBox } from '../secrets.ts'
import type { Store } from '../store/client.ts'
import { findOpenTicket, insertTicket, setTicketCommand } from '../store/tickets.ts'

/**
 * A ticket is a one-time secret that reaches one Mac over its own MDM channel only, into the profile store that root alone reads
 * there. Whoever proves it back over the agent's socket could read that store: that is what level `ticket` of the key binding
 * says, no more (DESIGN §4.3).
 */
export type TicketDeps = {
  store: Store
  secrets: SecretBox
  mdm: Pick<Mdm, 'enqueue'>
  clock: Clock
  random: (bytes: number) => Uint8Array
  /** Held while a ticket is sent and while a reply is worked in, so that no reply overtakes the note of what it answers. */
  inTurn: <T>(enrollmentId: string, work: () => Promise<T>) => Promise<T>
}

/** After a Mac would not install one, the next is sent no sooner than this. */
export const TICKET_RETRY_MS = 5 * 60_000
const TICKET_BYTES = 32
export const TICKET_LIFE_MS = 60 * 60_000
const PROFILE_IDENTIFIER = 'dev.espalier.ticket.profile'

/** Sends this enrollment a ticket, unless one is already under way or waits to be proved. */
export function issueTicket(deps: TicketDeps, to: { mac: MacId; enrollmentId: string }): Promise<void> {
  return deps.inTurn(to.enrollmentId, () => issueInTurn(deps, to))
}

async function issueInTurn(deps: TicketDeps, to: { mac: MacId; enrollmentId: string }): Promise<void> {
  const now = deps.clock.now()
  const open = await findOpenTicket(deps.store, to.enrollmentId, now)
  // One without a command was cut off by a crash before it was sent.
  if (open !== undefined && open.commandId !== null) return
  const id = newId('tkt')
  const secret = deps.random(TICKET_BYTES)
  await insertTicket(deps.store, {
    id,
    ...to,
    envelope: deps.secrets.seal(ticketName(id), secret),
    issuedAt: now,
    expiresAt: new Date(now.getTime() + TICKET_LIFE_MS),
  })
  const command = installProfile(ticketProfile(id, secret))
  await setTicketCommand(deps.store, id, await deps.mdm.enqueue(to.enrollmentId, command, { ttlMs: TICKET_LIFE_MS }))
}

/** The name that a ticket's secret is sealed under. */
export const ticketName = (id: string): string => `ticket:${id}`

/** Takes the used ticket off the Mac again; it is worthless by then, so failure does not matter. */
export async function withdrawTicket(deps: Pick<TicketDeps, 'mdm'>, enrollmentId: string): Promise<void> {
  await deps.mdm.enqueue(enrollmentId, removeProfile(PROFILE_IDENTIFIER), { dedupeKey: 'withdraw-ticket', ttlMs: 24 * 3600_000 })
}

function ticketProfile(id: string, secret: Uint8Array): Uint8Array {
  const payload = new Map<string, string | bigint | Uint8Array>([
    ['PayloadType', 'dev.espalier.ticket'],
    ['PayloadVersion', 1n],
    ['PayloadIdentifier', `${PROFILE_IDENTIFIER}.secret`],
    ['PayloadUUID', crypto.randomUUID().toUpperCase()],
    ['TicketID', id],
    ['Ticket', secret],
  ])
  return utf8(
    writePlist(
      new Map<string, string | bigint | (typeof payload)[]>([
        ['PayloadType', 'Configuration'],
        ['PayloadVersion', 1n],
        ['PayloadIdentifier', PROFILE_IDENTIFIER],
        ['PayloadUUID', crypto.randomUUID().toUpperCase()],
        ['PayloadDisplayName', 'Espalier agent ticket'],
        ['PayloadScope', 'System'],
        ['PayloadContent', [payload]],
      ]),
    ),
  )
}
