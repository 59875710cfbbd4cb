import { setTimeout as sleep } from 'node:timers/promises'

export type Backoff = { wait(signal: AbortSignal): Promise<void>; reset(): void }

/** Doubles from `minMs` to `maxMs`, each wait between half and all of its step, so that Macs do not come back in step. */
export function createBackoff(options: { minMs: number; maxMs: number; random?: () => number }): Backoff {
  const random = options.random ?? Math.random
  let stepMs = options.minMs
  return {
    async wait(signal) {
      const ms = stepMs / 2 + (random() * stepMs) / 2
      stepMs = Math.min(stepMs * 2, options.maxMs)
      await sleep(ms, undefined, { signal })
    },
    reset() {
      stepMs = options.minMs
    },
  }
}
