/** Wakes everyone who waits for the next change. The waiters are bounded by whoever admits them. */
interface ChangeSignal {
  notify(): void
  next(signal: AbortSignal): Promise<void>
}

export function createChangeSignal(): ChangeSignal {
  const waiting = new Set<() => void>()
  return {
    notify() {
      for (const wake of [...waiting]) wake()
    },
    next(signal) {
      if (signal.aborted) return Promise.resolve()
      return new Promise((resolve) => {
        const wake = () => {
          waiting.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        waiting.add(wake)
        signal.addEventListener('abort', wake)
      })
    },
  }
}
