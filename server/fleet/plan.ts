import { createHash } from 'node:crypto'
import { hex, isEqual } from '#protocol/bytes'
import { MacId } from '#protocol/ids'
import { attestationNonce, attestationNoncePreimage } from '#protocol/statements'
import { type DeviceInformationReply, deviceInformation, parseDeviceInformation } from '../../mdm/commands/device-information.ts'
import { parseSecurityInfo, securityInfo } from '../../mdm/commands/security-info.ts'
import type { Mdm, MdmEvents, Reply } from '../../mdm/ports.ts'
import { parseAttestationObject } from '../attestation/attestation-object.ts'
import { revokeAgentKeys } from '../store/agent-keys.ts'
import { appendAttestation, findLatestAttestation, insertNonce } from '../store/attestations.ts'
import { appendAudit } from '../store/audit.ts'
import type { Db } from '../store/client.ts'
import { setProvisioningUdid } from '../store/enrollment-lookup.ts'
import { keepEvidence } from '../store/evidence.ts'
import { appendMacEvent } from '../store/mac-events.ts'
import { describeMac } from '../store/macs.ts'
import { appendSecurityInfo } from '../store/security-infos.ts'
import { markTicketDelivered, markTicketUndeliverable, voidTickets } from '../store/tickets.ts'
import type { Appraiser } from './appraise.ts'
import type { MacEvent } from './events.ts'
import type { LiveSessions } from './live-sessions.ts'
import type { SessionControl } from './ports.ts'
import { issueTicket, TICKET_RETRY_MS, type TicketDeps } from './tickets.ts'

/**
 * What the appliance does as a Mac enrolls, in order (DESIGN §4.3): facts and SecurityInfo without attestation → a ticket over the
 * Mac's own channel → the agent proves it → only then Apple's attestation, under a nonce that commits to the proved key.
 */
export type PlanDeps = TicketDeps & {
  mdm: Pick<Mdm, 'enqueue' | 'end'>
  appraiser: Appraiser
  live: LiveSessions
  sessions: Pick<SessionControl, 'ticketDelivered' | 'disconnect'>
}

const COMMAND_LIFE_MS = 7 * 24 * 3600_000

export function enrollmentPlan(deps: PlanDeps): MdmEvents {
  return {
    onProfileIssued: (event) => note(deps, event, { type: 'profile-issued' }),
    onAcmeAttested: (event) => acmeAttested(deps, event),
    onAcmeRefused: async (event) => {
      if (event.attObj !== undefined)
        await keepEvidence(deps.store, { kind: 'acme-attestation-object', raw: event.attObj, receivedAt: event.at })
      await note(deps, event, { type: 'acme-refused', reasons: event.reasons })
      await deps.appraiser.acmeRefused(MacId.parse(event.macId), event.reasons)
    },
    onAuthenticate: (event) => authenticated(deps, event),
    onEnrolled: (event) => enrolled(deps, event),
    onCheckOut: (event) => checkedOut(deps, event),
    onReply: (event) => deps.inTurn(event.enrollmentId, () => replied(deps, event)),
  }
}

type At = { macId: string; at: Date }

async function note(deps: PlanDeps, event: At, what: MacEvent): Promise<void> {
  await appendMacEvent(deps.store, MacId.parse(event.macId), what, event.at)
}

async function acmeAttested(deps: PlanDeps, event: Parameters<MdmEvents['onAcmeAttested']>[0]): Promise<void> {
  const mac = MacId.parse(event.macId)
  const object = parseAttestationObject(event.attObj)
  await deps.store.$transaction(async (tx) => {
    const evidenceDigest = await keepEvidence(tx, { kind: 'acme-attestation-object', raw: event.attObj, receivedAt: event.at })
    const isNew = await appendAttestation(tx, {
      mac,
      enrollmentId: event.enrollmentId,
      source: 'acme',
      evidenceDigest,
      chain: object.ok ? object.chain : [],
      bootSession: null,
      receivedAt: event.at,
    })
    if (isNew) await appendMacEvent(tx, mac, { type: 'acme-attested' }, event.at)
  })
}

/** A (new) enrollment has begun: whatever key was bound before, or ticket sent, may have been wiped with the Mac, or copied from it. */
async function authenticated(deps: PlanDeps, event: Parameters<MdmEvents['onAuthenticate']>[0]): Promise<void> {
  const mac = MacId.parse(event.macId)
  const { deviceName, model, osVersion } = event.device
  await deps.store.$transaction(async (tx) => {
    await revokeAgentKeys(tx, mac, event.at)
    await voidTickets(tx, mac, event.at)
    await describeMac(tx, mac, { deviceName, model, osVersion })
    await appendMacEvent(tx, mac, { type: 'authenticated' }, event.at)
  })
  deps.sessions.disconnect(mac, 'the Mac enrolls anew')
  await deps.appraiser.appraise(mac)
}

async function enrolled(deps: PlanDeps, event: Parameters<MdmEvents['onEnrolled']>[0]): Promise<void> {
  const mac = MacId.parse(event.macId)
  await deps.store.$transaction(async (tx) => {
    await appendMacEvent(tx, mac, { type: 'enrolled' }, event.at)
    await appendAudit(
      tx,
      { type: 'mac.enrolled', subject: mac, detail: { enrollment: event.enrollmentId } },
      { actor: `mac:${mac}`, at: event.at },
    )
  })
  await collectFacts(deps, event.enrollmentId)
  await issueTicket(deps, { mac, enrollmentId: event.enrollmentId })
}

async function checkedOut(deps: PlanDeps, event: Parameters<MdmEvents['onCheckOut']>[0]): Promise<void> {
  const mac = MacId.parse(event.macId)
  await deps.store.$transaction(async (tx) => {
    await revokeAgentKeys(tx, mac, event.at)
    await voidTickets(tx, mac, event.at)
    await appendMacEvent(tx, mac, { type: 'unenrolled' }, event.at)
    await appendAudit(
      tx,
      { type: 'mac.unenrolled', subject: mac, detail: { enrollment: event.enrollmentId } },
      { actor: `mac:${mac}`, at: event.at },
    )
  })
  deps.sessions.disconnect(mac, 'the Mac left management')
  // Before the judgement, which is of a Mac that has left.
  await deps.mdm.end(event.enrollmentId)
  await deps.appraiser.appraise(mac)
}

/** Asks for everything but the attestation. */
export async function collectFacts(deps: Pick<TicketDeps, 'mdm'>, enrollmentId: string): Promise<void> {
  await deps.mdm.enqueue(enrollmentId, deviceInformation(), { dedupeKey: 'facts', ttlMs: COMMAND_LIFE_MS })
  await deps.mdm.enqueue(enrollmentId, securityInfo(), { dedupeKey: 'security-info', ttlMs: COMMAND_LIFE_MS })
}

/** Asks Apple, through the Mac, about the key that its agent has proved. One such question is under way at a time. */
export async function requestAttestation(
  deps: Pick<TicketDeps, 'store' | 'mdm' | 'clock' | 'random'>,
  about: { mac: MacId; enrollmentId: string; agentKey: Uint8Array },
): Promise<void> {
  const issuedAt = deps.clock.now()
  const preimage = attestationNoncePreimage({ ...about, issuedAt: issuedAt.getTime(), random: deps.random(32) })
  const nonce = attestationNonce(preimage)
  await insertNonce(deps.store, { ...about, nonce, preimage, issuedAt })
  await deps.mdm.enqueue(about.enrollmentId, deviceInformation({ attestationNonce: nonce }), {
    dedupeKey: attestationKey(about.agentKey),
    ttlMs: COMMAND_LIFE_MS,
  })
  await appendMacEvent(deps.store, about.mac, { type: 'attestation-requested' }, issuedAt)
}

/** A question about another key is another question: the old one's answer would attest the old key. */
export const attestationKey = (agentKey: Uint8Array): string => `attestation:${createHash('sha256').update(agentKey).digest('hex')}`

async function replied(deps: PlanDeps, reply: Reply): Promise<void> {
  if (reply.status !== 'Acknowledged') {
    const error = reply.errorChain.map((item) => `${item.domain} ${item.code}`).join(', ') || reply.status
    await note(deps, reply, { type: 'command-failed', requestType: reply.requestType, error })
    await markTicketUndeliverable(deps.store, reply.command, new Date(reply.at.getTime() + TICKET_RETRY_MS))
    return
  }
  if (reply.requestType === 'DeviceInformation') await deviceInformationReceived(deps, reply)
  if (reply.requestType === 'SecurityInfo') await securityInfoReceived(deps, reply)
  if (reply.requestType === 'InstallProfile') await profileInstalled(deps, reply)
}

async function deviceInformationReceived(deps: PlanDeps, reply: Reply): Promise<void> {
  const mac = MacId.parse(reply.macId)
  const { facts, attestation, faults } = parseDeviceInformation(reply)
  await deps.store.$transaction(async (tx) => {
    const evidenceDigest = await keepEvidence(tx, { kind: 'device-information-reply', raw: reply.raw, receivedAt: reply.at })
    await describeFromFacts(tx, { mac, enrollmentId: reply.enrollmentId }, facts)
    for (const fault of faults) await appendMacEvent(tx, mac, { type: 'reply-incomplete', requestType: reply.requestType, fault }, reply.at)
    if (attestation === undefined) return
    const isNew = await appendAttestation(tx, {
      mac,
      enrollmentId: reply.enrollmentId,
      source: 'device_information',
      evidenceDigest,
      chain: attestation,
      bootSession: await bootSessionOf(deps, tx, { mac, enrollmentId: reply.enrollmentId, chain: attestation }),
      receivedAt: reply.at,
    })
    if (isNew) await appendMacEvent(tx, mac, { type: 'attestation-received', evidence: hex(evidenceDigest) }, reply.at)
  })
  await deps.appraiser.appraise(mac)
}

/** The boot session that an attestation speaks of: an answer that Apple repeats speaks of the one in which it came first. */
async function bootSessionOf(
  deps: PlanDeps,
  tx: Db,
  answer: { mac: MacId; enrollmentId: string; chain: readonly Uint8Array[] },
): Promise<string | null> {
  const [leaf] = answer.chain
  const last = await findLatestAttestation(tx, answer.enrollmentId, 'device_information')
  const isRepeated = leaf !== undefined && last?.chain[0] !== undefined && isEqual(last.chain[0], leaf)
  return isRepeated ? last.bootSession : (deps.live.find(answer.mac)?.claims.bootSession ?? null)
}

async function describeFromFacts(tx: Db, of: { mac: MacId; enrollmentId: string }, facts: DeviceInformationReply['facts']): Promise<void> {
  const { deviceName, model, osVersion, provisioningUdid } = facts
  await describeMac(tx, of.mac, { deviceName, model, osVersion })
  if (provisioningUdid !== undefined) await setProvisioningUdid(tx, of.enrollmentId, provisioningUdid)
}

async function securityInfoReceived(deps: PlanDeps, reply: Reply): Promise<void> {
  const mac = MacId.parse(reply.macId)
  const parsed = parseSecurityInfo(reply)
  await deps.store.$transaction(async (tx) => {
    const evidenceDigest = await keepEvidence(tx, { kind: 'security-info-reply', raw: reply.raw, receivedAt: reply.at })
    if (!parsed.ok) {
      await appendMacEvent(tx, mac, { type: 'reply-incomplete', requestType: reply.requestType, fault: parsed.fault }, reply.at)
      return
    }
    const { report } = parsed
    const isNew = await appendSecurityInfo(tx, { mac, enrollmentId: reply.enrollmentId, report, evidenceDigest, receivedAt: reply.at })
    if (isNew) await appendMacEvent(tx, mac, { type: 'security-info-received', evidence: hex(evidenceDigest) }, reply.at)
  })
  await deps.appraiser.appraise(mac)
}

async function profileInstalled(deps: PlanDeps, reply: Reply): Promise<void> {
  const mac = MacId.parse(reply.macId)
  const ticket = await markTicketDelivered(deps.store, reply.command, reply.at)
  if (ticket === undefined) return
  await appendMacEvent(deps.store, mac, { type: 'ticket-delivered' }, reply.at)
  deps.sessions.ticketDelivered(mac, ticket.id)
}
