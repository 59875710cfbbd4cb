/** Work that waits for its turn, a bounded number at a time. */
interface Turns {
  take<T>(work: () => Promise<T>): Promise<T>
}

export type TurnOptions = {
  atOnce: number
  /** `newest`: whoever came last is served first, because who came before it may be gone by now. */
  order: 'oldest' | 'newest'
  /** Beyond this many the one that would be served last is turned away. */
  maxWaiting: number
}

/** Thrown to whoever is turned away. */
export class TurnedAway extends Error {}

export function createTurns({ atOnce, order, maxWaiting }: TurnOptions): Turns {
  const waiting = new Set<PromiseWithResolvers<void>>()
  /** In the order of arrival, for `newest`: taken from its end. */
  const stack: PromiseWithResolvers<void>[] = []
  let running = 0

  function next(): PromiseWithResolvers<void> | undefined {
    if (order === 'newest') {
      let turn = stack.pop()
      while (turn !== undefined && !waiting.has(turn)) turn = stack.pop()
      return turn
    }
    const [oldest] = waiting
    return oldest
  }

  function turnAwayOne(newcomer: PromiseWithResolvers<void>): void {
    const [oldest] = waiting
    const last = order === 'newest' ? (oldest ?? newcomer) : newcomer
    waiting.delete(last)
    last.reject(new TurnedAway('too many are waiting'))
  }

  async function turn(): Promise<void> {
    if (running < atOnce) {
      running++
      return
    }
    const own = Promise.withResolvers<void>()
    waiting.add(own)
    if (order === 'newest') stack.push(own)
    if (waiting.size > maxWaiting) turnAwayOne(own)
    // The turn is handed on: `running` stays what it is.
    await own.promise
  }

  return {
    async take(work) {
      await turn()
      try {
        return await work()
      } finally {
        const following = next()
        if (following === undefined) running--
        else {
          waiting.delete(following)
          following.resolve()
        }
      }
    },
  }
}
