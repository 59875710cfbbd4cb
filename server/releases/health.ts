import type { MacId } from '#protocol/ids'
import type { SessionView } from '../fleet/ports.ts'
import type { ReachedMac, ReleaseRow } from '../store/releases.ts'
import type { RolloutHealth } from './rollout.ts'

const DAY_MS = 24 * 3600_000
/** From the Mac's word that it takes the package to an agent that serves again: download, installation, model load. */
const INSTALL_GRACE_MS = 15 * 60_000

export type Seen = ReadonlyMap<MacId | string, Pick<SessionView, 'agentVersion' | 'codeHash' | 'isRoutable'>>
type Named = Pick<ReleaseRow, 'version' | 'codeHash'>

/** By both: the same version may be listed with another code, and a Mac that runs that one has not updated. */
export const runsRelease = (release: Named, seen: Pick<SessionView, 'agentVersion' | 'codeHash'> | undefined): boolean =>
  seen?.agentVersion === release.version && seen.codeHash === release.codeHash

/**
 * Counts what a roll-out is judged by. A Mac that took the package and whose agent has not been heard of since counts as updated and
 * not routable: a release that does not start at all must not go unseen.
 */
export function measureHealth(
  release: Named,
  reached: readonly ReachedMac[],
  seen: Seen,
  about: { baselineShare: number; now: Date },
): RolloutHealth {
  const now = about.now.getTime()
  const runs = (mac: ReachedMac): boolean => runsRelease(release, seen.get(mac.macId))
  const tookIt = (mac: ReachedMac): boolean =>
    mac.installState === 'acknowledged' && mac.installSettledAt !== null && now - mac.installSettledAt.getTime() > INSTALL_GRACE_MS
  const updated = reached.filter((mac) => runs(mac) || tookIt(mac))
  return {
    reached: reached.length,
    present: reached.filter((mac) => seen.has(mac.macId) || (mac.lastSeenAt !== null && now - mac.lastSeenAt.getTime() < DAY_MS)).length,
    updated: updated.length,
    updatedRoutable: updated.filter((mac) => runs(mac) && seen.get(mac.macId)?.isRoutable === true).length,
    baselineShare: about.baselineShare,
    failed: reached.filter((mac) => mac.installState === 'failed').length,
  }
}

/** The share of these Macs that is routable now; 1 where there is none, so that nothing is excused by an empty ring. */
export function routableShare(reached: readonly Pick<ReachedMac, 'macId'>[], seen: Seen): number {
  if (reached.length === 0) return 1
  return reached.filter((mac) => seen.get(mac.macId)?.isRoutable === true).length / reached.length
}
