import { createHash } from 'node:crypto'
import { isEqual } from '#protocol/bytes'
import type { MacId } from '#protocol/ids'
import { bindProof } from '#protocol/statements'
import { bindAgentKey, findAgentKey } from '../store/agent-keys.ts'
import { wasAsked } from '../store/attestations.ts'
import { appendAudit } from '../store/audit.ts'
import { Undo, undoable } from '../store/client.ts'
import { findLivingEnrollment, holdEnrolled } from '../store/enrollment-lookup.ts'
import { appendMacEvent } from '../store/mac-events.ts'
import { findMacBySerial, markSoftwareMac } from '../store/macs.ts'
import { burnTicket, findOpenTicket, findTicket } from '../store/tickets.ts'
import type { Appraiser } from './appraise.ts'
import { chooseKeyProofs, type KeyProofDeps, keyAttested, keyPublished } from './key-proofs.ts'
import type { LiveSessions } from './live-sessions.ts'
import { attestationKey, requestAttestation } from './plan.ts'
import type { FleetDesk, Identified } from './ports.ts'
import { quarantine } from './quarantine.ts'
import { issueTicket, type TicketDeps, ticketName, withdrawTicket } from './tickets.ts'

export type DeskDeps = TicketDeps & KeyProofDeps & { appraiser: Appraiser; live: LiveSessions }

/** The fleet's side of an agent's connection (ports.ts): who it may be, whether its key is proved, what its session says. */
export function createFleetDesk(deps: DeskDeps): FleetDesk {
  const refused = createOncePer(MAX_REFUSED_TICKETS)
  const refusedKeys = createOncePer(MAX_REFUSED_KEYS)
  return {
    identify: (hello) => identify(deps, hello),
    proveTicket: async (proof) => {
      const outcome = await proveTicket(deps, proof)
      if (outcome === 'wrong' && refused.isFirst(proof.ticketId)) await noteWrongProof(deps, proof.mac)
      return outcome === 'bound'
    },
    chooseKeyProofs: (session) => chooseKeyProofs(deps, session),
    keyPublished: (publication) => keyPublished(deps, publication),
    keyAttested: (attestation) => {
      const hour = Math.floor(deps.clock.now().getTime() / HOUR_MS)
      return keyAttested(deps, attestation, (reason) => !refusedKeys.isFirst(`${attestation.mac} ${reason} ${hour}`))
    },
    alive: ({ mac, session, at }) => deps.live.heard(mac, session, at),
    challengeAnswered: async ({ mac, session, agentKey, claims, at }) => {
      await deps.live.answered(mac, { session, agentKey, claims, at })
      if (claims.platform === 'software') await markSoftwareMac(deps.store, mac)
      await askAboutNewKey(deps, mac, agentKey)
      await deps.appraiser.appraise(mac)
    },
    livenessLost: async ({ mac, session, reason }) => {
      deps.live.lost(mac, session)
      if (reason === 'CHALLENGE_BAD_SIG') await quarantine(deps, mac, 'CHALLENGE_BAD_SIG')
      await deps.appraiser.appraise(mac)
    },
    sessionOpened: async ({ mac }) => {
      await appendMacEvent(deps.store, mac, { type: 'agent-connected' }, deps.clock.now())
    },
    sessionClosed: async ({ mac, session, reason }) => {
      deps.live.closed(mac, session)
      await appendMacEvent(deps.store, mac, { type: 'agent-disconnected', reason }, deps.clock.now())
      await deps.appraiser.appraise(mac)
    },
  }
}

async function identify(deps: DeskDeps, hello: { serial: string; agentKey: Uint8Array }): Promise<Identified | undefined> {
  const mac = await findMacBySerial(deps.store, hello.serial)
  if (mac === undefined || mac.revokedAt !== null) return undefined
  const enrollment = await findLivingEnrollment(deps.store, mac.id)
  const isExternal = enrollment?.kind === 'external' && enrollment.state === 'acme_attested'
  if (enrollment === undefined || (enrollment.state !== 'enrolled' && !isExternal)) return { mac: mac.id, key: { state: 'none' } }
  const key = await findAgentKey(deps.store, mac.id)
  const bound = key?.enrollmentId === enrollment.id ? key : undefined
  if (bound !== undefined && isEqual(bound.spki, hello.agentKey)) return { mac: mac.id, key: { state: 'bound' } }
  // While the bound key answers for this Mac, nobody else gets so far as a ticket: a serial number is no secret.
  if (bound !== undefined && deps.live.find(mac.id)?.isLost === false) return { mac: mac.id, key: { state: 'none' } }
  // No channel of ours leads to a Mac that another MDM server manages.
  if (isExternal) return { mac: mac.id, key: { state: 'none' } }
  await issueTicket(deps, { mac: mac.id, enrollmentId: enrollment.id })
  const ticket = await findOpenTicket(deps.store, enrollment.id, deps.clock.now())
  return { mac: mac.id, key: ticket?.deliveredAt ? { state: 'ticket', ticketId: ticket.id } : { state: 'none' } }
}

/** A session that was asked for the proof gave a wrong one: noted once a ticket, since anybody can ask to be asked. */
const MAX_REFUSED_TICKETS = 10_000
/** Of an attestation that did not hold, once an hour for each Mac and reason. */
const MAX_REFUSED_KEYS = 10_000
const HOUR_MS = 3600_000

async function noteWrongProof(deps: DeskDeps, mac: MacId): Promise<void> {
  await appendMacEvent(deps.store, mac, { type: 'ticket-refused', reason: 'MDM_SECRET_MISMATCH' }, deps.clock.now())
}

/** Remembers what was seen; at the bound the oldest is forgotten. */
function createOncePer(max: number): { isFirst(name: string): boolean } {
  const seen = new Set<string>()
  return {
    isFirst(name) {
      if (seen.has(name)) return false
      seen.add(name)
      const [oldest] = seen
      if (seen.size > max && oldest !== undefined) seen.delete(oldest)
      return true
    },
  }
}

/**
 * Accepts an agent's key for a Mac: whoever registered it has read the profile store of that Mac. `wrong`: the ticket stands, and the
 * proof is not of it.
 */
async function proveTicket(deps: DeskDeps, proof: Parameters<FleetDesk['proveTicket']>[0]): Promise<'bound' | 'wrong' | 'refused'> {
  const now = deps.clock.now()
  const ticket = await findTicket(deps.store, proof.ticketId)
  if (ticket === undefined || ticket.macId !== proof.mac || ticket.envelope === null) return 'refused'
  const secret = deps.secrets.open(ticketName(ticket.id), ticket.envelope)
  if (!isEqual(bindProof({ ...proof, ticket: secret }), proof.hmac)) return 'wrong'
  const isBound = await undoable(deps.store, async (tx) => {
    if (!(await holdEnrolled(tx, ticket.enrollmentId))) throw new Undo()
    if (!(await burnTicket(tx, ticket.id, now))) throw new Undo()
    const key = { mac: proof.mac, enrollmentId: ticket.enrollmentId, spki: proof.agentKey, provedAt: now }
    if (!(await bindAgentKey(tx, { ...key, proof: { level: 'ticket', ticketId: ticket.id } }))) throw new Undo()
    const keySha256 = createHash('sha256').update(proof.agentKey).digest('hex')
    await appendMacEvent(tx, proof.mac, { type: 'key-bound', keySha256, level: 'ticket' }, now)
    await appendAudit(
      tx,
      { type: 'agent-key.bound', subject: proof.mac, detail: { keySha256, ticket: ticket.id } },
      { actor: `mac:${proof.mac}`, at: now },
    )
  })
  if (!isBound) return 'refused'
  await withdrawTicket(deps, ticket.enrollmentId)
  return 'bound'
}

/**
 * Once a key is proved and its session has answered, Apple is asked about it, once: asked earlier, the attestation would commit to
 * a key that anyone may have registered under this Mac's serial, and burn the seven-day slot on it.
 */
async function askAboutNewKey(deps: DeskDeps, mac: MacId, agentKey: Uint8Array): Promise<void> {
  const bound = await findAgentKey(deps.store, mac)
  if (bound === undefined || !isEqual(bound.spki, agentKey)) return
  if (await wasAsked(deps.store, bound.enrollmentId, attestationKey(agentKey))) return
  await requestAttestation(deps, { mac, enrollmentId: bound.enrollmentId, agentKey })
}
