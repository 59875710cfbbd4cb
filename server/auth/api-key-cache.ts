import type { Scope } from './permissions.ts'

/** On whose behalf a call to `/v1` is made, and what it may do. */
export type ApiKeyPrincipal = { keyId: string; userId: string; scopes: ReadonlySet<Scope> }

export type KnownKey = { principal: ApiKeyPrincipal; expiresAt: Date | null; lastUsedAt: Date | null }

/**
 * Keys seen lately, so that a busy tool does not ask the database for every request. A revocation empties it at once in this
 * process; another replica, or a change of the owner's role, is seen after `TTL_MS` at the latest.
 */
export type ApiKeyCache = {
  find(hash: string, now: Date): KnownKey | undefined
  /** Ignored when the cache was emptied since `generation` was taken: what was read may be from before the revocation. */
  keep(hash: string, known: KnownKey, read: { generation: number; now: Date }): void
  generation(): number
  forgetAll(): void
}

const TTL_MS = 5_000
/** At the bound the oldest entry goes; it costs one query to come back. */
const MAX_ENTRIES = 10_000

export function createApiKeyCache(): ApiKeyCache {
  const entries = new Map<string, { known: KnownKey; until: number }>()
  let generation = 0
  return {
    find(hash, now) {
      const entry = entries.get(hash)
      if (entry === undefined) return undefined
      if (now.getTime() < entry.until) return entry.known
      entries.delete(hash)
      return undefined
    },
    keep(hash, known, read) {
      if (read.generation !== generation) return
      if (entries.size >= MAX_ENTRIES) entries.delete(entries.keys().next().value as string)
      entries.set(hash, { known, until: read.now.getTime() + TTL_MS })
    },
    generation: () => generation,
    forgetAll() {
      generation++
      entries.clear()
    },
  }
}
