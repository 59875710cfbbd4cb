/**
 * Counts failures by key in a window that starts with the first one. Bounded: at the limit the oldest key is forgotten, which an
 * attacker reaches only by using that many different keys.
 */
export type AttemptLimiter = {
  /** Milliseconds to wait before the next attempt; 0 when it may be made now. */
  waitMs(key: string, now: Date): number
  failed(key: string, now: Date): void
  succeeded(key: string): void
}

export function createAttemptLimiter(limit: { attempts: number; windowMs: number; maxKeys: number }): AttemptLimiter {
  const failures = new Map<string, { since: number; count: number }>()

  const current = (key: string, now: Date) => {
    const entry = failures.get(key)
    if (entry === undefined || now.getTime() - entry.since < limit.windowMs) return entry
    failures.delete(key)
    return undefined
  }

  return {
    waitMs(key, now) {
      const entry = current(key, now)
      return entry === undefined || entry.count < limit.attempts ? 0 : entry.since + limit.windowMs - now.getTime()
    },
    failed(key, now) {
      const entry = current(key, now)
      if (entry !== undefined) {
        entry.count++
        return
      }
      if (failures.size >= limit.maxKeys) failures.delete(failures.keys().next().value as string)
      failures.set(key, { since: now.getTime(), count: 1 })
    },
    succeeded(key) {
      failures.delete(key)
    },
  }
}
