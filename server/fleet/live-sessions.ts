import type { Claims } from '#protocol/frames'
import type { MacId, SessionId } from '#protocol/ids'

/** What the current session of a Mac last said under its bound key. Lost with the process, as liveness must be. */
export type LiveSession = {
  session: SessionId
  agentKey: Uint8Array
  claims: Claims
  answeredAt: Date
  /** Since when this boot session has been seen. */
  bootSince: Date
  isLost: boolean
}

export interface LiveSessions {
  find(mac: MacId): LiveSession | undefined
  answered(mac: MacId, answer: { session: SessionId; agentKey: Uint8Array; claims: Claims; at: Date }): void
  lost(mac: MacId, session: SessionId): void
  closed(mac: MacId, session: SessionId): void
}

/** Two small entries a Mac at most, so the size is bounded by the inventory. */
export function createLiveSessions(): LiveSessions {
  const sessions = new Map<MacId, LiveSession>()
  const boots = new Map<MacId, { bootSession: string; since: Date }>()

  function bootSince(mac: MacId, bootSession: string, at: Date): Date {
    const known = boots.get(mac)
    if (known?.bootSession === bootSession) return known.since
    boots.set(mac, { bootSession, since: at })
    return at
  }

  return {
    find: (mac) => sessions.get(mac),
    answered: (mac, { session, agentKey, claims, at }) => {
      const since = bootSince(mac, claims.bootSession, at)
      sessions.set(mac, { session, agentKey, claims, answeredAt: at, bootSince: since, isLost: false })
    },
    lost: (mac, session) => {
      const live = sessions.get(mac)
      if (live?.session === session) live.isLost = true
    },
    closed: (mac, session) => {
      if (sessions.get(mac)?.session === session) sessions.delete(mac)
    },
  }
}
