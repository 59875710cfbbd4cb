import { setTimeout as sleep } from 'node:timers/promises'

const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 30_000
/** A session that lived this long was a good one: the next failure begins anew. */
const GOOD_SESSION_MS = 10_000

/** Before attempt n (0, 1, …): doubling up to the longest delay, the upper half of it drawn at random so that a fleet spreads. */
export function reconnectDelayMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 16))
  return ceiling / 2 + (ceiling / 2) * random()
}

/** One session after another until the signal aborts. `open` resolves when its session is over; it does not throw for a lost one. */
export async function keepConnected(open: () => Promise<{ livedMs: number }>, signal: AbortSignal, random = Math.random): Promise<void> {
  let attempt = 0
  while (!signal.aborted) {
    const { livedMs } = await open()
    if (livedMs >= GOOD_SESSION_MS) attempt = 0
    await sleep(reconnectDelayMs(attempt, random), undefined, { signal }).catch(() => undefined)
    attempt++
  }
}
