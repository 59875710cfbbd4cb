import type { MacId } from '#protocol/ids'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Store } from '../store/client.ts'
import { countJudgedElsewhere, listJudgedElsewhere } from '../store/policy-fleet.ts'
import { walkFleet } from './walk-fleet.ts'

/** How far the fleet has been judged by the policy that came in force last. */
export type RejudgeProgress = {
  policyVersion: number
  done: number
  total: number
  failed: number
  startedAt: Date
  finishedAt: Date | null
}

export interface Rejudge {
  /** Judges every Mac again whose verdict is of another version. A newer version takes over from an older one that still runs. */
  start(policyVersion: number): void
  progress(): RejudgeProgress | undefined
  close(): Promise<void>
}

export type RejudgeDeps = { store: Store; clock: Clock; log: Log; appraise: (mac: MacId) => Promise<void> }

const RETRY_MS = 60_000

/** In the background and a page of Macs at a time. Cut short, it is taken up at the next start, for it asks the verdicts what is left. */
export function createRejudge(deps: RejudgeDeps): Rejudge {
  let state: RejudgeProgress | undefined
  let current = new AbortController()
  let last: Promise<void> = Promise.resolve()
  let again: NodeJS.Timeout | undefined
  let isClosed = false

  async function run(policyVersion: number, signal: AbortSignal): Promise<void> {
    const total = await countJudgedElsewhere(deps.store, policyVersion)
    const progress: RejudgeProgress = { policyVersion, done: 0, total, failed: 0, startedAt: deps.clock.now(), finishedAt: null }
    if (total === 0 && state === undefined) return
    state = progress
    await walkFleet<MacId>({
      page: (after, limit) => listJudgedElsewhere(deps.store, { version: policyVersion, after, limit }),
      idOf: (mac) => mac,
      async work(macs) {
        const judged = await Promise.allSettled(macs.map((mac) => deps.appraise(mac)))
        for (const [index, one] of judged.entries()) {
          if (one.status === 'fulfilled') continue
          progress.failed += 1
          deps.log.warn({ err: one.reason, mac: macs[index] }, 'a Mac could not be judged by the policy in force; it is tried again')
        }
        progress.done += macs.length
      },
      progress: () => Promise.resolve(),
      signal,
    })
    progress.finishedAt = deps.clock.now()
    if (progress.failed > 0) again = setTimeout(() => start(policyVersion), RETRY_MS).unref()
    if (progress.done > 0) deps.log.info({ ...progress }, 'the fleet was judged by the policy in force')
  }

  function start(policyVersion: number): void {
    if (isClosed) return
    clearTimeout(again)
    current.abort()
    const own = new AbortController()
    current = own
    last = last
      .then(() => run(policyVersion, own.signal))
      .catch((err: unknown) => {
        if (own.signal.aborted) return
        deps.log.warn({ err }, 'the fleet could not be judged by the policy in force; it is tried again')
        again = setTimeout(() => start(policyVersion), RETRY_MS).unref()
      })
  }

  return {
    start,
    progress: () => state,
    async close() {
      isClosed = true
      clearTimeout(again)
      current.abort()
      await last
    },
  }
}
