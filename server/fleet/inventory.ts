import type { MacId } from '#protocol/ids'
import { ScepNotOffered } from '../../mdm/enrollment/invite.ts'
import type { IdentityKind, Mdm } from '../../mdm/ports.ts'
import type { Actor } from '../audit/events.ts'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { revokeAgentKeys } from '../store/agent-keys.ts'
import { appendAudit } from '../store/audit.ts'
import type { Store } from '../store/client.ts'
import { listLivingEnrollments } from '../store/enrollment-lookup.ts'
import { appendMacEvent } from '../store/mac-events.ts'
import { ensureMac, findMac, revokeMac } from '../store/macs.ts'
import type { Appraiser } from './appraise.ts'
import type { SessionControl } from './ports.ts'
import type { Revocations } from './revocations.ts'

/** Apple's serial numbers: 8 to 14 letters and digits (10 and 12 are usual). */
const SERIAL = /^[A-Za-z0-9]{8,14}$/

/** Enters a serial number into the inventory, if it is new, and makes a one-time enrollment link for that Mac. */
export async function inviteMac(
  deps: { store: Store; clock: Clock; mdm: Pick<Mdm, 'invite'> },
  invitation: { serial: string; actor: Actor; identityKind?: IdentityKind },
): Promise<{ mac: MacId; url: string; expiresAt: Date }> {
  const typed = invitation.serial.trim()
  // Before the letters are made capital: ß would become two of them.
  if (!SERIAL.test(typed)) {
    throw new AppError('invalid_request', { param: 'serial', public: 'A serial number has 8 to 14 letters and digits.' })
  }
  const serial = typed.toUpperCase()
  const at = deps.clock.now()
  const mac = await ensureMac(deps.store, { serial, addedAt: at })
  if (mac.revokedAt !== null) throw new AppError('conflict', { public: 'This Mac has been revoked.', param: 'serial' })
  const { enrollmentId, url, expiresAt } = await makeLink(deps, { macId: mac.id, serial, identityKind: invitation.identityKind ?? 'acme' })
  await deps.store.$transaction(async (tx) => {
    await appendMacEvent(tx, mac.id, { type: 'invited', by: invitation.actor }, at)
    await appendAudit(tx, { type: 'mac.invited', subject: mac.id, detail: { enrollment: enrollmentId } }, { actor: invitation.actor, at })
  })
  return { mac: mac.id, url, expiresAt }
}

async function makeLink(deps: { mdm: Pick<Mdm, 'invite'> }, invitation: Parameters<Mdm['invite']>[0]): ReturnType<Mdm['invite']> {
  try {
    return await deps.mdm.invite(invitation)
  } catch (error) {
    if (!(error instanceof ScepNotOffered)) throw error
    const public_ =
      'Identities by SCEP are switched off here: ESPALIER_SCEP=on offers them. Macs that enroll so are managed, and never trusted.'
    throw new AppError('conflict', { cause: error, public: public_, param: 'identity' })
  }
}

/** Revokes a Mac for good: its sessions close now, its key and its MDM identity are worth nothing from here on. */
export async function revokeMacNow(
  deps: {
    store: Store
    clock: Clock
    mdm: Pick<Mdm, 'end'>
    sessions: Pick<SessionControl, 'disconnect'>
    appraiser: Pick<Appraiser, 'appraise'>
    revocations: Pick<Revocations, 'append' | 'publish'>
  },
  revocation: { mac: MacId; actor: Actor },
): Promise<void> {
  const { mac, actor } = revocation
  const at = deps.clock.now()
  const row = await findMac(deps.store, mac)
  if (row === undefined) throw new AppError('not_found', { public: 'There is no such Mac.' })
  await deps.store.$transaction(async (tx) => {
    if (!(await revokeMac(tx, mac, at))) return
    await revokeAgentKeys(tx, mac, at)
    await appendMacEvent(tx, mac, { type: 'revoked', by: actor }, at)
    await appendAudit(tx, { type: 'mac.revoked', subject: mac, detail: {} }, { actor, at })
    await deps.revocations.append(tx, { serial: row.serial }, at)
  })
  // Also where it was revoked before: a crash may have come between.
  await finishRevocations(deps, [mac])
  await deps.revocations.publish()
}

/** What follows from a revocation that is written: sessions end, and what led to the Mac leads nowhere. */
export async function finishRevocations(
  deps: {
    store: Store
    mdm: Pick<Mdm, 'end'>
    sessions: Pick<SessionControl, 'disconnect'>
    appraiser: Pick<Appraiser, 'appraise'>
  },
  macs: readonly MacId[],
): Promise<void> {
  for (const mac of macs) deps.sessions.disconnect(mac, 'the Mac was revoked')
  for (const mac of macs) {
    for (const enrollment of await listLivingEnrollments(deps.store, mac)) await deps.mdm.end(enrollment)
    await deps.appraiser.appraise(mac)
  }
}
