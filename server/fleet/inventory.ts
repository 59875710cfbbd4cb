import type { MacId } from '#protocol/ids'
import type { Mdm } from '../../mdm/ports.ts'
import type { Actor } from '../audit/events.ts'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { revokeAgentKeys } from '../store/agent-keys.ts'
import { appendAudit } from '../store/audit.ts'
import type { Store } from '../store/client.ts'
import { findLivingEnrollment } from '../store/enrollment-lookup.ts'
import { appendMacEvent } from '../store/mac-events.ts'
import { ensureMac, findMac, revokeMac } from '../store/macs.ts'
import type { Appraiser } from './appraise.ts'
import type { SessionControl } from './ports.ts'

/** Apple's serial numbers: 8 to 14 capital letters and digits (10 and 12 are usual). */
const SERIAL = /^[A-Z0-9]{8,14}$/

/** Enters a serial number into the inventory, if it is new, and makes a one-time enrollment link for that Mac. */
export async function inviteMac(
  deps: { store: Store; clock: Clock; mdm: Pick<Mdm, 'invite'> },
  invitation: { serial: string; actor: Actor },
): Promise<{ mac: MacId; url: string; expiresAt: Date }> {
  const serial = invitation.serial.trim().toUpperCase()
  if (!SERIAL.test(serial)) {
    throw new AppError('invalid_request', { param: 'serial', public: 'A serial number has 8 to 14 letters and digits.' })
  }
  const at = deps.clock.now()
  const mac = await ensureMac(deps.store, { serial, addedAt: at })
  if (mac.revokedAt !== null) throw new AppError('conflict', { public: 'This Mac has been revoked.', param: 'serial' })
  const { enrollmentId, url, expiresAt } = await deps.mdm.invite({ macId: mac.id, serial })
  await deps.store.$transaction(async (tx) => {
    await appendMacEvent(tx, mac.id, { type: 'invited', by: invitation.actor }, at)
    await appendAudit(tx, { type: 'mac.invited', subject: mac.id, detail: { enrollment: enrollmentId } }, { actor: invitation.actor, at })
  })
  return { mac: mac.id, url, expiresAt }
}

/** Revokes a Mac for good: its sessions close now, its key and its MDM identity are worth nothing from here on. */
export async function revokeMacNow(
  deps: {
    store: Store
    clock: Clock
    mdm: Pick<Mdm, 'end'>
    sessions: Pick<SessionControl, 'disconnect'>
    appraiser: Pick<Appraiser, 'appraise'>
  },
  revocation: { mac: MacId; actor: Actor },
): Promise<void> {
  const { mac, actor } = revocation
  const at = deps.clock.now()
  if ((await findMac(deps.store, mac)) === undefined) throw new AppError('not_found', { public: 'There is no such Mac.' })
  const isNew = await deps.store.$transaction(async (tx) => {
    if (!(await revokeMac(tx, mac, at))) return false
    await revokeAgentKeys(tx, mac, at)
    await appendMacEvent(tx, mac, { type: 'revoked', by: actor }, at)
    await appendAudit(tx, { type: 'mac.revoked', subject: mac, detail: {} }, { actor, at })
    return true
  })
  deps.sessions.disconnect(mac, 'the Mac was revoked')
  if (!isNew) return
  const enrollment = await findLivingEnrollment(deps.store, mac)
  if (enrollment !== undefined) await deps.mdm.end(enrollment.id)
  await deps.appraiser.appraise(mac)
}
