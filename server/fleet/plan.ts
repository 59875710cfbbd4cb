import { createHash } from 'node:crypto'
import { hex, isEqual } from '#protocol/bytes'
import { MacId } from '#protocol/ids'
import { attestationNonce, attestationNoncePreimage } from '#protocol/statements'
import { type DeviceInformationReply, deviceInformation, parseDeviceInformation } from '../../mdm/commands/device-information.ts'
import { parseSecurityInfo, securityInfo } from '../../mdm/commands/security-info.ts'
import type { Mdm, MdmEvents, Reply } from '../../mdm/ports.ts'
import { parseAttestationObject } from '../attestation/attestation-object.ts'
import { parseCertificate } from '../attestation/certificate.ts'
import { revokeAgentKeys } from '../store/agent-keys.ts'
import { appendAttestation, findLatestAttestation, insertNonce } from '../store/attestations.ts'
import { appendAudit } from '../store/audit.ts'
import type { Db } from '../store/client.ts'
import { findLivingEnrollment, setProvisioningUdid } from '../store/enrollment-lookup.ts'
import { keepEvidence } from '../store/evidence.ts'
import { appendMacEvent } from '../store/mac-events.ts'
import { describeMac } from '../store/macs.ts'
import { appendSecurityInfo } from '../store/security-infos.ts'
import { markTicketDelivered, markTicketUndeliverable, voidTickets } from '../store/tickets.ts'
import type { Appraiser } from './appraise.ts'
import { keepDeclarativeStatus, release } from './declarations-service.ts'
import type { MacEvent } from './events.ts'
import { identityPromoted } from './identity-renewal.ts'
import { certificateListReceived, type KeyProofDeps } from './key-proofs.ts'
import type { LiveSessions } from './live-sessions.ts'
import { actionOf } from './mac-actions.ts'
import type { SessionControl } from './ports.ts'
import type { Reattestations } from './reattestations.ts'
import { issueTicket, TICKET_RETRY_MS, type TicketDeps } from './tickets.ts'

/**
 * What the appliance does as a Mac enrolls, in order (DESIGN §4.3): facts and SecurityInfo without attestation → a ticket over the
 * Mac's own channel → the agent proves it → only then Apple's attestation, under a nonce that commits to the proved key.
 */
export type PlanDeps = TicketDeps &
  KeyProofDeps & {
    mdm: Pick<Mdm, 'enqueue' | 'end'>
    appraiser: Appraiser
    live: LiveSessions
    reattestations: Reattestations
    /** Of this process: Macs that were connected before may still be on their way back. */
    startedAt?: Date
    sessions: Pick<SessionControl, 'ticketDelivered' | 'disconnect' | 'keyProved'>
  }

const COMMAND_LIFE_MS = 7 * 24 * 3600_000

export function enrollmentPlan(deps: PlanDeps): MdmEvents {
  return {
    onProfileIssued: (event) => note(deps, event, { type: 'profile-issued' }),
    onAcmeAttested: (event) => acmeAttested(deps, event),
    onAcmeRefused: async (event) => {
      if (event.attObj !== undefined)
        await keepEvidence(deps.store, { kind: 'acme-attestation-object', raw: event.attObj, receivedAt: event.at })
      if (event.purpose === 'reattestation') return reattestationRefused(deps, event)
      await note(deps, event, { type: 'acme-refused', reasons: event.reasons })
      await deps.appraiser.acmeRefused(MacId.parse(event.macId), event.reasons)
    },
    onIdentityPromoted: (event) => identityPromoted(deps, event),
    onAuthenticate: (event) => authenticated(deps, event),
    onEnrolled: (event) => enrolled(deps, event),
    onCheckOut: (event) => checkedOut(deps, event),
    onDeclarativeStatus: (event) => keepDeclarativeStatus(deps, event),
    onReply: (event) => deps.inTurn(event.enrollmentId, () => replied(deps, event)),
  }
}

type At = { macId: string; at: Date }

async function note(deps: PlanDeps, event: At, what: MacEvent): Promise<void> {
  await appendMacEvent(deps.store, MacId.parse(event.macId), what, event.at)
}

async function acmeAttested(deps: PlanDeps, event: Parameters<MdmEvents['onAcmeAttested']>[0]): Promise<void> {
  if (event.purpose === 'reattestation') return reattested(deps, event)
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
      token: event.token,
      bootSession: null,
      receivedAt: event.at,
    })
    if (isNew) await appendMacEvent(tx, mac, { type: 'acme-attested' }, event.at)
    if (isNew && event.purpose === 'enrollment') await noteSuperseded(tx, mac, event)
  })
  // Another enrollment of this Mac may be trusted: from now on the newer one counts.
  await deps.appraiser.appraise(mac)
}

/** The newest attested enrollment of a serial number wins; the one before is told why it stands back. */
async function noteSuperseded(tx: Db, mac: MacId, { enrollmentId: by, at }: { enrollmentId: string; at: Date }): Promise<void> {
  const older = await findLivingEnrollment(tx, mac)
  if (older === undefined || older.id === by || older.state !== 'enrolled') return
  await appendMacEvent(tx, mac, { type: 'enrollment-superseded', enrollment: older.id, by }, at)
}

/** Apple's answer to a re-attestation: about the device, under a token that commits to the agent's key. */
async function reattested(deps: PlanDeps, event: Parameters<MdmEvents['onAcmeAttested']>[0]): Promise<void> {
  const mac = MacId.parse(event.macId)
  await deps.reattestations.answered(event.enrollmentId)
  await keepReattestation(deps, { ...event, mac, type: 'reattestation-received' })
  await deps.appraiser.appraise(mac)
}

/**
 * What Apple says against a Mac is never passed over: a readable attestation is kept although ACME refused it, and judged with the rest.
 * Only what could not be read, or was not asked for, is left at its refusal.
 */
async function reattestationRefused(deps: PlanDeps, event: Parameters<MdmEvents['onAcmeRefused']>[0]): Promise<void> {
  const mac = MacId.parse(event.macId)
  await deps.reattestations.failed(event.enrollmentId)
  await note(deps, event, { type: 'reattestation-refused', reasons: event.reasons })
  if (event.attObj !== undefined) await keepReattestation(deps, { ...event, attObj: event.attObj, mac, type: undefined })
  await deps.appraiser.appraise(mac)
}

async function keepReattestation(
  deps: PlanDeps,
  received: {
    mac: MacId
    enrollmentId: string
    attObj: Uint8Array
    token?: string
    at: Date
    type: 'reattestation-received' | undefined
  },
): Promise<void> {
  const { mac, enrollmentId, at } = received
  const object = parseAttestationObject(received.attObj)
  const [leaf] = object.ok ? object.chain : []
  if (!object.ok || leaf === undefined || !parseCertificate(leaf).ok) return
  await deps.store.$transaction(async (tx) => {
    const evidenceDigest = await keepEvidence(tx, { kind: 'acme-attestation-object', raw: received.attObj, receivedAt: at })
    const isNew = await appendAttestation(tx, {
      ...{ mac, enrollmentId, evidenceDigest, source: 'acme_reattestation', chain: object.chain, receivedAt: at },
      ...(received.token === undefined ? {} : { token: received.token }),
      bootSession: deps.live.find(mac)?.claims.bootSession ?? null,
    })
    if (isNew && received.type !== undefined) await appendMacEvent(tx, mac, { type: received.type, evidence: hex(evidenceDigest) }, at)
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
  // Behind everything that must be there before a person sees the desktop.
  if (event.awaitingConfiguration) await release(deps.mdm, event.enrollmentId)
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
  await insertNonce(deps.store, { ...about, nonce, preimage, source: 'device_information', issuedAt })
  await deps.mdm.enqueue(about.enrollmentId, deviceInformation({ attestationNonce: nonce }), {
    dedupeKey: attestationKey(about.agentKey),
    supersedes: ATTESTATIONS,
    ttlMs: COMMAND_LIFE_MS,
  })
  await appendMacEvent(deps.store, about.mac, { type: 'attestation-requested' }, issuedAt)
}

/** A question about another key is another question: the old one's answer would attest the old key. */
export const attestationKey = (agentKey: Uint8Array): string => `${ATTESTATIONS}${createHash('sha256').update(agentKey).digest('hex')}`

/** One question to Apple is outstanding for a Mac: a newer one about another key cancels it. */
const ATTESTATIONS = 'attestation:'

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
  if (reply.requestType === 'CertificateList') await certificateListReceived(deps, reply)
  const action = actionOf(reply.requestType)
  if (action !== undefined) await note(deps, reply, { type: 'action-acknowledged', action })
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
  const { deviceName, model, osVersion, isAppleSilicon, provisioningUdid } = facts
  await describeMac(tx, of.mac, { deviceName, model, osVersion, isAppleSilicon })
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
