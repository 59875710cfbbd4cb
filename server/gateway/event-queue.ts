/** A queue between one writer and one reader, ended by the writer. Its bound is the writer's affair: the exchange counts bytes. */
interface EventQueue<T> {
  push(item: T): void
  /** What was pushed before is still taken; nothing after. */
  end(): void
  next(): Promise<IteratorResult<T, undefined>>
}

export function createEventQueue<T>(): EventQueue<T> {
  let items: T[] = []
  let head = 0
  let isEnded = false
  let reader: ((result: IteratorResult<T, undefined>) => void) | undefined

  function take(): IteratorResult<T, undefined> | undefined {
    if (head < items.length) {
      const value = items[head++] as T
      if (head === items.length) {
        items = []
        head = 0
      }
      return { done: false, value }
    }
    return isEnded ? { done: true, value: undefined } : undefined
  }

  function serve(): void {
    if (reader === undefined) return
    const result = take()
    if (result === undefined) return
    const resolve = reader
    reader = undefined
    resolve(result)
  }

  return {
    push(item) {
      if (isEnded) return
      items.push(item)
      serve()
    },
    end() {
      isEnded = true
      serve()
    },
    next() {
      const result = take()
      if (result !== undefined) return Promise.resolve(result)
      if (reader !== undefined) return Promise.reject(new TypeError('a queue has one reader'))
      return new Promise((resolve) => {
        reader = resolve
      })
    },
  }
}
