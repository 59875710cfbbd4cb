import { untilAborted } from './until-aborted.ts'

/** Response bytes that may be sent before the coordinator grants more: a slow reader slows the engine. */
export interface Credit {
  /** Takes `bytes`, waiting until there are as many; rejects with the signal's reason when it aborts. One taker at a time. */
  take(bytes: number, signal: AbortSignal): Promise<void>
  grant(bytes: number): void
}

export function createCredit(initialBytes: number): Credit {
  let leftBytes = initialBytes
  let wake = (): void => undefined
  return {
    async take(bytes, signal) {
      while (leftBytes < bytes) await untilAborted(new Promise<void>((resolve) => (wake = resolve)), signal)
      leftBytes -= bytes
    },
    grant(bytes) {
      leftBytes = Math.min(leftBytes + bytes, Number.MAX_SAFE_INTEGER)
      wake()
    },
  }
}
