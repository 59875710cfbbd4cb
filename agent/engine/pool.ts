import { EngineError } from './engine.ts'

/** A fixed number of things lent to one user at a time, in the order of asking. */
export interface Pool<T> {
  /** Waits for a free one, or throws `cancelled`; `no_free_slot` when as many are waiting as there are things. */
  take(signal: AbortSignal): Promise<T>
  give(item: T): void
}

type Waiter<T> = { resolve(item: T): void }

export function createPool<T>(items: readonly T[]): Pool<T> {
  const free = [...items]
  const waiting = new Set<Waiter<T>>()

  function wait(signal: AbortSignal): Promise<T> {
    if (waiting.size >= items.length) throw new EngineError('no_free_slot')
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = {
        resolve(item) {
          signal.removeEventListener('abort', leave)
          resolve(item)
        },
      }
      function leave(): void {
        waiting.delete(waiter)
        reject(new EngineError('cancelled'))
      }
      signal.addEventListener('abort', leave, { once: true })
      waiting.add(waiter)
    })
  }

  return {
    async take(signal) {
      if (signal.aborted) throw new EngineError('cancelled')
      const item = free.pop()
      return item ?? wait(signal)
    },
    give(item) {
      const [next] = waiting
      if (next === undefined) {
        free.push(item)
        return
      }
      waiting.delete(next)
      next.resolve(item)
    },
  }
}
