import type { Store } from '../store/client.ts'
import { saveProofsOfLife } from '../store/proofs-of-life.ts'
import type { LiveSessions } from './live-sessions.ts'

/** What has to happen more often than a job of the database can. */
export type FleetBeat = {
  /** True: more is due than there was room for. */
  pumpReattestations(): Promise<boolean>
  saveProofsOfLife(): Promise<void>
}

/** A crash forgets at most this much of when each Mac was last heard. */
const BEAT_MS = 5_000

/** One statement for all Macs that were heard since the last time. */
export async function saveProofs(store: Store, live: LiveSessions): Promise<void> {
  const proofs = live.takeUnsaved()
  try {
    for (let start = 0; start < proofs.length; start += MAX_BATCH) await saveProofsOfLife(store, proofs.slice(start, start + MAX_BATCH))
  } catch (error) {
    live.putBack(proofs)
    throw error
  }
}

const MAX_BATCH = 2_000

/** While more is due than may be under way, a place that has become free is not left so for a whole beat. */
const BUSY_BEAT_MS = 500

/** Runs both every few seconds, neither twice at once; a fault is told and the next round tries again. At the end it saves once more. */
export function keepGoing(beat: FleetBeat, onFault: (error: unknown) => void): { stop(): Promise<void> } {
  const rounds = [
    repeat(async () => {
      await beat.saveProofsOfLife().catch(onFault)
      return BEAT_MS
    }),
    repeat(async () => ((await beat.pumpReattestations().catch(onFault)) === true ? BUSY_BEAT_MS : BEAT_MS)),
  ]
  return {
    async stop() {
      await Promise.all(rounds.map((round) => round.stop()))
      await beat.saveProofsOfLife().catch(onFault)
    },
  }
}

/** `work` says how long to wait until it is done again. */
function repeat(work: () => Promise<number>): { stop(): Promise<void> } {
  let timer: NodeJS.Timeout | undefined
  let isOver = false
  let running: Promise<void> = Promise.resolve()
  const again = (afterMs: number): void => {
    if (isOver) return
    timer = setTimeout(() => {
      running = work().then(again)
    }, afterMs)
  }
  again(BEAT_MS)
  return {
    async stop() {
      isOver = true
      clearTimeout(timer)
      await running
    },
  }
}
