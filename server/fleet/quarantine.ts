import type { MacId } from '#protocol/ids'
import type { TrustDecision } from '../attestation/decide-trust.ts'
import type { TrustEvidence } from '../attestation/evidence.ts'
import type { ReasonCode } from '../attestation/reasons.ts'
import type { Actor } from '../audit/events.ts'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { appendAudit } from '../store/audit.ts'
import type { Store } from '../store/client.ts'
import { appendMacEvent } from '../store/mac-events.ts'
import { findMac, quarantineMac, releaseMac } from '../store/macs.ts'

type Deps = { store: Store; clock: Clock }

/** Puts a Mac aside until a person has looked at it. The first reason stands. */
export async function quarantine(deps: Deps, mac: MacId, reason: ReasonCode): Promise<void> {
  const at = deps.clock.now()
  await deps.store.$transaction(async (tx) => {
    if (!(await quarantineMac(tx, mac, { reason, at }))) return
    await appendMacEvent(tx, mac, { type: 'quarantined', reason }, at)
    await appendAudit(tx, { type: 'mac.quarantined', subject: mac, detail: { reason } }, { actor: 'system', at })
  })
}

/**
 * Why a Mac is to be put into quarantine, as the decision says; undefined where nothing calls for it, or where a person has released the
 * Mac and nothing has come since. It stays refused all the same.
 */
export function quarantineReason(
  decision: Pick<TrustDecision, 'quarantine'>,
  evidence: Pick<TrustEvidence, 'device' | 'channel' | 'securityInfo'>,
  releasedAt: Date | undefined,
): ReasonCode | undefined {
  const { device, channel, securityInfo } = evidence
  const newest = Math.max(...[device, channel, securityInfo].map((part) => part?.receivedAt.getTime() ?? 0))
  if (releasedAt !== undefined && newest <= releasedAt.getTime()) return undefined
  return decision.quarantine?.reason
}

/** Lets a Mac out of quarantine, by a person who says why; it is trusted again only by what it proves from here on. */
export async function releaseMacNow(
  deps: Deps & {
    appraiser: { appraise(mac: MacId): Promise<void> }
    /** Asks the Mac anew for what put it there. */
    askAnew(mac: MacId): Promise<void>
  },
  release: { mac: MacId; note: string; actor: Actor },
): Promise<void> {
  const { mac, note, actor } = release
  const at = deps.clock.now()
  if ((await findMac(deps.store, mac)) === undefined) throw new AppError('not_found', { public: 'There is no such Mac.' })
  let isReleased = false
  await deps.store.$transaction(async (tx) => {
    isReleased = await releaseMac(tx, mac, at)
    if (!isReleased) return
    await appendMacEvent(tx, mac, { type: 'released', by: actor, note }, at)
    await appendAudit(tx, { type: 'mac.released', subject: mac, detail: { note } }, { actor, at })
  })
  if (!isReleased) throw new AppError('conflict', { public: 'This Mac is not in quarantine.' })
  await deps.askAnew(mac)
  await deps.appraiser.appraise(mac)
}
