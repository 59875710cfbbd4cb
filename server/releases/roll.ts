import { installEnterpriseApplication } from '../../mdm/commands/install-enterprise-application.ts'
import { installManifest } from '../../mdm/commands/install-manifest.ts'
import { appendAudit } from '../store/audit.ts'
import { changeRelease, installKey, listReachedMacs, listReleases, type ReachedMac, type ReleaseRow } from '../store/releases.ts'
import { isAllowed } from './allowed.ts'
import type { ReleasesDeps } from './deps.ts'
import { measureHealth, routableShare, runsRelease, type Seen } from './health.ts'
import { chooseTarget, DEFAULT_RULES, decideStep, RINGS, type Ring, type RolloutStep } from './rollout.ts'

/** Macs that are told to install in one round: a minute's share of the network, not the whole fleet at once. */
const MAX_INSTALLS_A_ROUND = 50
/** After a Mac failed or let a command lapse, it is told again no sooner than this. */
const RETRY_MS = 6 * 3600_000
const COMMAND_LIFE_MS = 24 * 3600_000

export const ROLLOUT_PAUSED = 'release-paused'

/** One round: every rolling release takes its step, then Macs that should run another release are told. */
export async function rollReleases(deps: ReleasesDeps): Promise<void> {
  const seen: Seen = new Map(deps.sessions.list().map((session) => [session.mac, session]))
  for (const release of await listReleases(deps.store)) if (release.state === 'rolling') await takeStep(deps, release, seen)
  await tellMacs(deps, seen)
}

export const reachedRings = (ring: Ring): Ring[] => RINGS.slice(0, RINGS.indexOf(ring) + 1)

async function takeStep(deps: ReleasesDeps, release: ReleaseRow, seen: Seen): Promise<void> {
  const now = deps.clock.now()
  const reached = await listReachedMacs(deps.store, { releaseId: release.id, rings: reachedRings(release.ring) })
  const health = measureHealth(release, reached, seen, { baselineShare: release.baselineShare, now })
  const rollout = { state: release.state, ring: release.ring, ringSince: release.ringSince ?? now }
  const decided: RolloutStep = isAllowed(deps.policy(), release)
    ? decideStep(rollout, health, DEFAULT_RULES, now)
    : { step: 'pause', because: 'The policy no longer allows it.' }
  switch (decided.step) {
    case 'wait':
      if (decided.because !== release.because) await changeRelease(deps.store, rolling(release), { because: decided.because })
      return
    case 'advance':
      return reachRing(deps, release, decided.to, seen)
    case 'complete':
      return settle(deps, release, { state: 'complete', because: null, endedAt: now }, 'complete')
    case 'pause':
      await settle(deps, release, { state: 'paused', because: decided.because }, decided.because)
      return deps.alerts.raise({
        kind: ROLLOUT_PAUSED,
        subject: release.id,
        severity: 'critical',
        sentence: `The roll-out of agent ${release.version} has stopped by itself. ${decided.because}`,
        remedy: 'Look at the Macs of its ring under Agent releases, then let it go on or take it back.',
      })
    default:
      return decided satisfies never
  }
}

const rolling = ({ id }: ReleaseRow) => ({ id, from: ['rolling'] as const })

/** The baseline is taken of the ring's own Macs, before any of them has updated. */
async function reachRing(deps: ReleasesDeps, release: ReleaseRow, ring: Ring, seen: Seen): Promise<void> {
  const reached = await listReachedMacs(deps.store, { releaseId: release.id, rings: reachedRings(ring) })
  const ringSince = deps.clock.now()
  await settle(deps, release, { ring, ringSince, baselineShare: routableShare(reached, seen), because: null }, ring)
}

async function settle(deps: ReleasesDeps, release: ReleaseRow, data: Parameters<typeof changeRelease>[2], outcome: string): Promise<void> {
  await deps.store.$transaction(async (tx) => {
    if (!(await changeRelease(tx, rolling(release), data))) return
    const detail = { version: release.version, change: outcome }
    await appendAudit(tx, { type: 'agent-release.changed', subject: release.id, detail }, { actor: 'system', at: deps.clock.now() })
  })
}

async function tellMacs(deps: ReleasesDeps, seen: Seen): Promise<void> {
  // One that the policy has shut out since would make every Mac that installs it stop serving.
  const releases = (await listReleases(deps.store)).filter((release) => isAllowed(deps.policy(), release))
  const newestFirst = releases.map((release) => ({ ...release, ringSince: release.ringSince ?? release.createdAt }))
  let left = MAX_INSTALLS_A_ROUND
  for (const release of releases) {
    if (release.state !== 'rolling' && release.state !== 'complete') continue
    const rings = release.state === 'complete' ? RINGS : reachedRings(release.ring)
    for (const mac of await listReachedMacs(deps.store, { releaseId: release.id, rings })) {
      if (left === 0) return
      if (chooseTarget(mac.ring, newestFirst) !== release.id || !shouldTell(release, mac, seen, deps.clock.now())) continue
      await tell(deps, release, mac)
      left--
    }
  }
}

function shouldTell(release: ReleaseRow, mac: ReachedMac, seen: Seen, now: Date): boolean {
  const running = seen.get(mac.macId)
  // A Mac whose agent is away is not told: nobody knows what it runs, and it comes again.
  if (running === undefined || runsRelease(release, running)) return false
  return mac.installCreatedAt === null || now.getTime() - mac.installCreatedAt.getTime() > RETRY_MS
}

async function tell(deps: ReleasesDeps, release: ReleaseRow, mac: ReachedMac): Promise<void> {
  const { packageUrl: url, packageBytes, packageSha256, bundleIdentifier, version } = release
  const hashes = { sizeBytes: packageBytes, chunkBytes: packageBytes, sha256s: [packageSha256] }
  const manifest = installManifest({ url, hashes, bundleIdentifier, bundleVersion: version, title: 'Espalier agent' })
  await deps.mdm().enqueue(mac.enrollmentId, installEnterpriseApplication({ manifest, takesOver: true }), {
    dedupeKey: installKey(release.id),
    ttlMs: COMMAND_LIFE_MS,
  })
}
