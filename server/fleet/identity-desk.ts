import { hex } from '#protocol/bytes'
import { MacId } from '#protocol/ids'
import { FurtherIdentityRefused } from '../../mdm/enrollment/further-identity.ts'
import type { Mdm } from '../../mdm/ports.ts'
import type { Actor } from '../audit/events.ts'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { appendAudit } from '../store/audit.ts'
import type { Store } from '../store/client.ts'
import { findIdentityInUse, findIdentityOwner, findRenewal } from '../store/identity-renewals.ts'
import { appendMacEvent } from '../store/mac-events.ts'
import { ensureMac } from '../store/macs.ts'
import { revokeIdentities } from '../store/mdm-identities.ts'
import type { Appraiser } from './appraise.ts'
import { askForRenewal } from './identity-renewal.ts'

type Deps = { store: Store; clock: Clock }

/**
 * Revokes the identities of a Mac's enrollment, or one by its certificate, at once and for good: the next message under it is refused,
 * and so is the Mac's trust. The Mac itself stays in the inventory and may enroll anew.
 */
export async function revokeIdentity(
  deps: Deps & { appraiser: Pick<Appraiser, 'appraise'> },
  which: { mac: MacId } | { certificateSha256: Uint8Array },
  by: { reason: string; actor: Actor },
): Promise<{ revoked: number }> {
  const { mac, enrollmentId, certificate } = await findIdentities(deps, which)
  const chosen = 'certificateSha256' in which ? { sha256: which.certificateSha256 } : { enrollmentId }
  const at = deps.clock.now()
  const revoked = await deps.store.$transaction(async (tx) => {
    const count = await revokeIdentities(tx, chosen, { reason: by.reason, at })
    if (count === 0) return 0
    await appendMacEvent(tx, mac, { type: 'identity-revoked', certificate: hex(certificate), reason: by.reason, by: by.actor }, at)
    const detail = { enrollment: enrollmentId, certificate: hex(certificate), reason: by.reason }
    await appendAudit(tx, { type: 'identity.revoked', subject: mac, detail }, { actor: by.actor, at })
    return count
  })
  await deps.appraiser.appraise(mac)
  return { revoked }
}

async function findIdentities(deps: Deps, which: { mac: MacId } | { certificateSha256: Uint8Array }) {
  if ('mac' in which) {
    const inUse = await findIdentityInUse(deps.store, which.mac)
    if (inUse === undefined) throw new AppError('not_found', { public: 'This Mac has no MDM identity.' })
    return { mac: which.mac, enrollmentId: inUse.enrollmentId, certificate: inUse.sha256 }
  }
  const owner = await findIdentityOwner(deps.store, which.certificateSha256)
  if (owner === undefined) throw new AppError('not_found', { public: 'No MDM identity has this certificate.' })
  return { mac: MacId.parse(owner.macId), enrollmentId: owner.enrollmentId, certificate: which.certificateSha256 }
}

/** Asks the Mac now, whatever its identity's age: after this the hourly round waits as after an attempt of its own. */
export async function renewNow(deps: Deps & { mdm: Pick<Mdm, 'renewIdentity'> }, mac: MacId, by: Actor): Promise<void> {
  const row = await findRenewal(deps.store, mac)
  if (row === undefined) throw new AppError('not_found', { public: 'This Mac is not enrolled, or another MDM server manages it.' })
  try {
    await askForRenewal({ ...deps, mdm: () => deps.mdm }, { ...row, givenUpAt: deps.clock.now() }, by)
  } catch (error) {
    if (error instanceof FurtherIdentityRefused) {
      throw new AppError('conflict', { cause: error, public: 'This Mac’s identity cannot be renewed as things stand.' })
    }
    throw error
  }
}

/** Apple's serial numbers: 8 to 14 letters and digits (10 and 12 are usual). */
const SERIAL = /^[A-Za-z0-9]{8,14}$/

/**
 * For a Mac that another MDM server manages: enters it into the inventory, if it is new, and gives the profile that the other server
 * is to install on this one Mac. What comes of it is an attested key; nothing is routed there before its agent's key is attested, too.
 */
export async function exportExternalProfile(
  deps: Deps & { mdm: Pick<Mdm, 'exportExternal'> },
  wish: { serial: string; actor: Actor },
): Promise<{ mac: MacId; profile: Uint8Array; expiresAt: Date }> {
  const typed = wish.serial.trim()
  if (!SERIAL.test(typed)) {
    throw new AppError('invalid_request', { param: 'serial', public: 'A serial number has 8 to 14 letters and digits.' })
  }
  const serial = typed.toUpperCase()
  const at = deps.clock.now()
  const mac = await ensureMac(deps.store, { serial, addedAt: at })
  if (mac.revokedAt !== null) throw new AppError('conflict', { public: 'This Mac has been revoked.', param: 'serial' })
  const { enrollmentId, profile, expiresAt } = await deps.mdm.exportExternal({ macId: mac.id, serial })
  await deps.store.$transaction(async (tx) => {
    await appendMacEvent(tx, mac.id, { type: 'external-profile-exported', by: wish.actor }, at)
    const detail = { enrollment: enrollmentId }
    await appendAudit(tx, { type: 'mac.external-profile-exported', subject: mac.id, detail }, { actor: wish.actor, at })
  })
  return { mac: mac.id, profile, expiresAt }
}
