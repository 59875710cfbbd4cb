import { setImmediate as nextTurn } from 'node:timers/promises'
import type { MacId } from '#protocol/ids'
import { oneAtATime } from './one-at-a-time.ts'

/** Macs judged in one go: the statements that gather their evidence are the same for one as for all of them. */
const MAX_BATCH = 32
/** Verdicts written at once, so that a storm leaves connections to everybody else. */
const WRITTEN_AT_ONCE = 4

export interface AppraisalQueue {
  /** Resolves when the Mac has been judged by all that was known when this was called. */
  add(mac: MacId): Promise<void>
  /** Runs while no appraisal does. */
  alone(work: () => Promise<void>): Promise<void>
}

/**
 * Appraisals one batch after another. A Mac that waits is judged once, however often it is asked for: thousands that reconnect at the
 * same moment cost a bounded number of statements at a time, and the queue holds each Mac at most once. One Mac's failure is its own.
 */
export function createAppraisalQueue<Prepared>(work: {
  prepare(macs: readonly MacId[]): Promise<Prepared>
  judge(mac: MacId, prepared: Prepared): Promise<void>
}): AppraisalQueue {
  const waiting = new Map<MacId, PromiseWithResolvers<void>>()
  const inTurn = oneAtATime<'appraisal'>()

  async function drain(): Promise<void> {
    const batch = [...waiting].slice(0, MAX_BATCH)
    for (const [mac] of batch) waiting.delete(mac)
    if (batch.length === 0) return
    try {
      const prepared = await work.prepare(batch.map(([mac]) => mac))
      for (let start = 0; start < batch.length; start += WRITTEN_AT_ONCE) {
        await Promise.all(batch.slice(start, start + WRITTEN_AT_ONCE).map(([mac, done]) => judgeOne(mac, prepared, done)))
        // A decision verifies signatures: others get their turn in between.
        await nextTurn()
      }
    } catch (error) {
      for (const [, done] of batch) done.reject(error)
    }
  }

  const judgeOne = (mac: MacId, prepared: Prepared, done: PromiseWithResolvers<void>): Promise<void> =>
    work.judge(mac, prepared).then(done.resolve, done.reject)

  return {
    add(mac) {
      const known = waiting.get(mac)
      if (known !== undefined) return known.promise
      const done = Promise.withResolvers<void>()
      waiting.set(mac, done)
      void inTurn('appraisal', drain)
      return done.promise
    },
    alone: (other) => inTurn('appraisal', other),
  }
}
