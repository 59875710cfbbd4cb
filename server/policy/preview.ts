import type { MacId } from '#protocol/ids'
import type { TrustDecision } from '../attestation/decide-trust.ts'
import type { Policy } from '../attestation/policy.ts'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Store } from '../store/client.ts'
import { countMacs, listMacsAfter, type PooledMac } from '../store/policy-fleet.ts'
import { failPreview, finishPreview, insertPolicyPreview, notePreviewProgress } from '../store/policy-previews.ts'
import { toDocument } from './document.ts'
import type { Moves } from './draft.ts'
import { createTally, type Impact } from './impact.ts'
import { walkFleet } from './walk-fleet.ts'

/** Judges the evidence that these Macs have at this moment under several policies. A Mac that is not enrolled is left out. */
export type JudgeUnder = (
  macs: readonly MacId[],
  casesOf: (mac: MacId) => readonly { policy: Policy; pool: string | null }[],
) => Promise<ReadonlyMap<MacId, readonly TrustDecision[]>>

export type PreviewDeps = { store: Store; clock: Clock; log: Log; judge: JudgeUnder }

export type PreviewTask = { by: string; base: Policy; policy: Policy; moves: Moves; version: number | null }

/** At a time in one process: each walks through the whole fleet. */
const MAX_RUNNING = 2

export interface Previews {
  /** Starts to measure and answers with the id under which its progress and its result are found. */
  start(task: PreviewTask): Promise<string>
  /** Resolves when none runs any more; used to stop. */
  close(): Promise<void>
}

export function createPreviews(deps: PreviewDeps): Previews {
  const running = new Set<Promise<void>>()
  /** Those that are being written down included. */
  let taken = 0
  const stopping = new AbortController()
  return {
    async start(task) {
      if (stopping.signal.aborted) throw new AppError('shutting_down')
      if (taken >= MAX_RUNNING)
        throw new AppError('too_many_requests', { public: 'Two previews are running. Wait for one to end.', retryAfterSeconds: 10 })
      taken += 1
      const id = await insert(deps, task).catch((error: unknown) => {
        taken -= 1
        throw error
      })
      const run = measureInto(deps, id, task, stopping.signal).finally(() => {
        taken -= 1
        running.delete(run)
      })
      running.add(run)
      return id
    },
    close: async () => {
      stopping.abort()
      await Promise.allSettled(running)
    },
  }
}

async function insert({ store, clock }: PreviewDeps, { by, policy, moves, version, base }: PreviewTask): Promise<string> {
  const what = { document: toDocument(policy), moves, baseVersion: base.version, version }
  return insertPolicyPreview(store, { by, at: clock.now(), ...what, total: await countMacs(store) })
}

/** Never rejects: a preview that failed says so where it is looked for. */
async function measureInto(deps: PreviewDeps, id: string, task: PreviewTask, signal: AbortSignal): Promise<void> {
  try {
    const progress = (done: number): Promise<void> => notePreviewProgress(deps.store, id, { done, at: deps.clock.now() })
    const { impact, done } = await measureImpact(deps, task, { signal, progress })
    await finishPreview(deps.store, id, { at: deps.clock.now(), done, impact })
  } catch (err) {
    if (!signal.aborted) deps.log.warn({ err, preview: id }, 'what a policy would change could not be measured')
    await failPreview(deps.store, id, deps.clock.now()).catch(() => undefined) // its silence says the same
  }
}

/** Every Mac's evidence of this moment under the policy in force and under the other one. */
async function measureImpact(
  deps: Pick<PreviewDeps, 'store' | 'judge'>,
  { base, policy, moves }: Pick<PreviewTask, 'base' | 'policy' | 'moves'>,
  run: { signal: AbortSignal; progress: (done: number) => Promise<void> },
): Promise<{ impact: Impact; done: number }> {
  const tally = createTally()
  const moved = new Map(moves.map(({ mac, pool }) => [mac, pool]))
  const pools = new Set(policy.pools.map(({ name }) => name))
  /** A pool that is gone leaves its Macs in none. */
  const poolThen = (id: MacId, pool: string | null): string | null => {
    const to = moved.get(id)
    return to === undefined ? (pool !== null && pools.has(pool) ? pool : null) : to
  }
  const done = await walkFleet<PooledMac>({
    page: (after, limit) => listMacsAfter(deps.store, { after, limit }),
    idOf: ({ id }) => id,
    async work(macs) {
      const present = new Map(macs.map((mac) => [mac.id, mac.pool]))
      const decisions = await deps.judge([...present.keys()], (id) => {
        const pool = present.get(id) ?? null
        return [
          { policy: base, pool },
          { policy, pool: poolThen(id, pool) },
        ]
      })
      for (const mac of macs) {
        const [before, after] = decisions.get(mac.id) ?? []
        if (before !== undefined && after !== undefined) tally.add(mac, before, after)
      }
    },
    ...run,
  })
  return { impact: tally.result(), done }
}
