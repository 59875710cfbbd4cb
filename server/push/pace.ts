/** Turns at a bounded rate, one after another, none at the same distance from the last as everybody else's. */
export type Pace = { turn(signal: AbortSignal): Promise<void> }

export function createPace(options: { perSecond: number; random: () => number }): Pace {
  let next = 0
  return {
    async turn(signal) {
      const now = performance.now()
      const at = Math.max(now, next)
      // Between half and one and a half times the mean: the rate holds, and no rhythm comes of it.
      next = at + (1000 / options.perSecond) * (0.5 + options.random())
      if (at > now) await sleep(at - now, signal)
    },
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })
}
