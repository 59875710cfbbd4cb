import type { MacId } from '#protocol/ids'

/**
 * What happened to Macs while a socket's hello was being looked up: the answer may be older than this news, and the socket cannot
 * be told any sooner whom it concerns.
 */
interface MissedNews {
  ticketDelivered(mac: MacId, ticketId: string): void
  disconnected(mac: MacId, reason: string): void
  /** The news of this Mac; forgets all. */
  take(mac: MacId): { ticketId?: string; disconnected?: string }
  readonly isFull: boolean
}

/** A look-up takes milliseconds: more news than this in one means that something is stuck. */
const MAX_NEWS = 1000

export function createMissedNews(): MissedNews {
  const news = new Map<MacId, { ticketId?: string; disconnected?: string }>()
  return {
    ticketDelivered: (mac, ticketId) => void news.set(mac, { ...news.get(mac), ticketId }),
    disconnected: (mac, reason) => void news.set(mac, { disconnected: reason }),
    take(mac) {
      const found = news.get(mac) ?? {}
      news.clear()
      return found
    },
    get isFull() {
      return news.size > MAX_NEWS
    },
  }
}
