/**
 * Many sleepers on one timer. A timer for each token of each stream would make the event loop the bottleneck of a load test; here
 * one wake-up serves everybody who is due.
 */
export interface TimerQueue {
  /** Calls `wake` at `due` (on the scale of performance.now()), or a little later; gives the means to take it back. */
  at(due: number, wake: () => void): () => void
}

type Sleeper = { due: number; wake: () => void }

/** Timers are whole milliseconds: whoever is due within half of one is due now. */
const SLACK_MS = 0.5

export function createTimerQueue(): TimerQueue {
  /** Latest first, so that the next to wake is at the end. */
  const sleepers: Sleeper[] = []
  let timer: NodeJS.Timeout | undefined
  let timerDue = Number.POSITIVE_INFINITY

  function arm(): void {
    const next = sleepers.at(-1)
    if (next === undefined || next.due >= timerDue) return
    clearTimeout(timer)
    timerDue = next.due
    timer = setTimeout(wakeAllDue, Math.max(0, next.due - performance.now()))
  }

  function wakeAllDue(): void {
    timerDue = Number.POSITIVE_INFINITY
    const now = performance.now() + SLACK_MS
    while ((sleepers.at(-1)?.due ?? Number.POSITIVE_INFINITY) <= now) sleepers.pop()?.wake()
    arm()
  }

  return {
    at(due, wake) {
      const sleeper = { due, wake }
      sleepers.splice(placeOf(sleepers, due), 0, sleeper)
      arm()
      return () => {
        const index = sleepers.indexOf(sleeper)
        if (index >= 0) sleepers.splice(index, 1)
      }
    },
  }
}

/** Index of the first sleeper due at or before `due`, in the order latest first: equal times wake in the order of asking. */
function placeOf(sleepers: readonly Sleeper[], due: number): number {
  let low = 0
  let high = sleepers.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sleepers[middle] as Sleeper).due > due) low = middle + 1
    else high = middle
  }
  return low
}
