/**
 * Refuses a sealed request that was seen before (DESIGN §6): one guard for each sealing key, on the Mac that holds the key, thrown
 * away with it. `sealedAt` travels in the clear, so a replay can be given a new time: that is why an encapsulated key is remembered
 * as long as the sealing key lives, and the window only refuses what was held back on the way.
 */
export interface ReplayGuard {
  /**
   * `stale`: sealed more than the window before or after `now` (Unix ms). `replayed`: seen before, or not to be told from seen,
   * because the guard is full. Only `accepted` is remembered.
   */
  accept(enc: Uint8Array, sealedAt: number, now: number): 'accepted' | 'replayed' | 'stale'
  /** How many more requests can be accepted: at 0 all are refused. Rotate the sealing key well before. */
  readonly remaining: number
}

/** DESIGN §6: ±120 s. */
const REPLAY_WINDOW_MS = 120_000
/** About 80 bytes each: 40 MB at the very worst, more requests than a Mac answers in the 24 hours of a key. */
const REPLAY_MAX_ENTRIES = 500_000

export function createReplayGuard(options: { windowMs?: number; maxEntries?: number } = {}): ReplayGuard {
  const { windowMs = REPLAY_WINDOW_MS, maxEntries = REPLAY_MAX_ENTRIES } = options
  const seen = new Set<string>()
  return {
    accept(enc, sealedAt, now) {
      // Written so that NaN is stale.
      if (!(Math.abs(now - sealedAt) <= windowMs)) return 'stale'
      const key = Buffer.from(enc.buffer, enc.byteOffset, enc.byteLength).toString('latin1')
      if (seen.has(key) || seen.size >= maxEntries) return 'replayed'
      seen.add(key)
      return 'accepted'
    },
    get remaining() {
      return maxEntries - seen.size
    },
  }
}
