import { can, ROLES } from '../auth/permissions.ts'
import { AppError } from '../errors.ts'
import type { SessionView } from '../fleet/ports.ts'
import { appendAudit } from '../store/audit.ts'
import { listActivePeople } from '../store/policy-fleet.ts'
import {
  changeRelease,
  countRings,
  findRelease,
  insertRelease,
  listReachedMacs,
  listReleases,
  putInRing,
  type ReleaseRow,
} from '../store/releases.ts'
import { isAllowed } from './allowed.ts'
import type { ReleasesDeps } from './deps.ts'
import { routableShare, runsRelease } from './health.ts'
import { ROLLOUT_PAUSED, reachedRings } from './roll.ts'
import { RINGS } from './rollout.ts'
import type { ReleaseChange, Releases, ReleaseView } from './views.ts'

export function createReleases(deps: ReleasesDeps): Releases {
  return {
    list: async () => {
      const sessions = deps.sessions.list()
      const releases = await listReleases(deps.store)
      return {
        releases: await Promise.all(releases.map((release) => view(deps, release, sessions))),
        rings: await countRings(deps.store),
        running: countVersions(sessions),
      }
    },
    add: async (release, by) => {
      const at = deps.clock.now()
      const id = await deps.store.$transaction(async (tx) => {
        const added = await insertRelease(tx, { ...release, createdBy: by, createdAt: at })
        if (added === undefined) throw new AppError('conflict', { public: 'This code is listed under this version already.' })
        const detail = { version: release.version, codeHash: release.codeHash, package: release.packageSha256 }
        await appendAudit(tx, { type: 'agent-release.added', subject: added, detail }, { actor: by, at })
        return added
      })
      return { id }
    },
    change: (which, by) => change(deps, which, by),
    putInRing: async ({ macs, ring }, by) => {
      const at = deps.clock.now()
      return deps.store.$transaction(async (tx) => {
        const changed = await putInRing(tx, macs, ring)
        await appendAudit(tx, { type: 'mac.ring-changed', subject: `ring:${ring}`, detail: { macs, ring } }, { actor: by, at })
        return changed
      })
    },
  }
}

/** The states that each change may start from. */
const FROM = {
  start: ['draft'],
  pause: ['rolling'],
  resume: ['paused'],
  withdraw: ['rolling', 'paused', 'complete'],
} as const satisfies Record<ReleaseChange, readonly ReleaseRow['state'][]>

async function change(deps: ReleasesDeps, which: { id: string; change: ReleaseChange }, by: `user:${string}`): Promise<void> {
  const release = await findRelease(deps.store, which.id)
  if (release === undefined) throw new AppError('not_found', { public: 'There is no such release.' })
  const isForward = which.change === 'start' || which.change === 'resume'
  if (isForward && !isAllowed(deps.policy(), release)) {
    const text = `The policy does not allow agent ${release.version} yet: Macs that install it would stop serving. Propose it under Policy first.`
    throw new AppError('conflict', { public: text })
  }
  if (which.change === 'start') await refuseOwn(deps, release, by)
  const at = deps.clock.now()
  const data = await changed(deps, release, which.change, at)
  await deps.store.$transaction(async (tx) => {
    if (!(await changeRelease(tx, { id: release.id, from: FROM[which.change] }, data))) {
      throw new AppError('conflict', { public: `The release is ${release.state}; it can not be told to ${which.change}.` })
    }
    const detail = { version: release.version, change: which.change }
    await appendAudit(tx, { type: 'agent-release.changed', subject: release.id, detail }, { actor: by, at })
  })
  await deps.alerts.clear(ROLLOUT_PAUSED, release.id)
}

const MANAGERS = ROLES.filter((role) => can(role, 'manage agent releases'))

/**
 * The policy names the code that may serve; what a package installs, as root on every Mac, only its hash names. So whoever listed it
 * does not start it, where anybody else could.
 */
async function refuseOwn(deps: ReleasesDeps, release: ReleaseRow, by: `user:${string}`): Promise<void> {
  if (release.createdBy !== by) return
  const managers = await listActivePeople(deps.store, MANAGERS)
  if (managers.every(({ id }) => `user:${id}` === by)) return
  const text = 'You listed this release, and its package is installed with all rights on every Mac: another person must start it.'
  throw new AppError('forbidden', { public: text })
}

async function changed(deps: ReleasesDeps, release: ReleaseRow, to: ReleaseChange, at: Date): Promise<Parameters<typeof changeRelease>[2]> {
  if (to === 'pause') return { state: 'paused', because: 'A person stopped it.' }
  if (to === 'withdraw') return { state: 'withdrawn', because: null, endedAt: at }
  const ring = to === 'start' ? 'canary' : release.ring
  const seen = new Map(deps.sessions.list().map((session) => [session.mac, session]))
  const reached = await listReachedMacs(deps.store, { releaseId: release.id, rings: reachedRings(ring) })
  return {
    state: 'rolling',
    ring,
    ringSince: at,
    because: null,
    // Whoever lets it go on has looked: what is routable now is what it is measured against.
    baselineShare: routableShare(reached, seen),
    ...(to === 'start' ? { startedAt: at } : {}),
  }
}

async function view(deps: ReleasesDeps, release: ReleaseRow, sessions: readonly SessionView[]): Promise<ReleaseView> {
  const { id, version, codeHash, teamId, packageUrl, packageSha256, packageBytes, notes, state, ring, ringSince } = release
  const { because, createdAt, startedAt, endedAt, baselineShare } = release
  const running = sessions.filter((session) => runsRelease(release, session))
  const reached = state === 'draft' ? [] : await listReachedMacs(deps.store, { releaseId: id, rings: RINGS })
  return {
    ...{ id, version, codeHash, teamId, packageUrl, packageSha256, packageBytes, notes, state, ring, ringSince },
    ...{ because, createdAt, startedAt, endedAt, baselineShare },
    isAllowed: isAllowed(deps.policy(), release),
    running: running.length,
    routable: running.filter(({ isRoutable }) => isRoutable).length,
    failed: reached.filter(({ installState }) => installState === 'failed').length,
  }
}

function countVersions(sessions: readonly SessionView[]): { version: string; macs: number }[] {
  const byVersion = Map.groupBy(sessions, ({ agentVersion }) => agentVersion)
  return [...byVersion].map(([version, of]) => ({ version, macs: of.length })).sort((a, b) => b.macs - a.macs)
}
