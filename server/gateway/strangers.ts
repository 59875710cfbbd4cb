import { networkOf } from '../auth/network-of.ts'

/**
 * The places of sockets that have not proved their Mac: bounded in all, and for each network. When they run out the oldest
 * stranger goes, not the newcomer: an agent needs a moment to prove itself, and whoever fills the places keeps none of them.
 */
interface Strangers {
  /** Takes a place, and gives it back when called. `evict` ends the socket if its place is taken away. */
  enter(address: string, evict: () => void): () => void
}

type Stranger = { network: string; evict: () => void }

export function createStrangers(max: { total: number; perNetwork: number }): Strangers {
  // Both in order of arrival.
  const all = new Set<Stranger>()
  const byNetwork = new Map<string, Set<Stranger>>()

  function leave(stranger: Stranger): void {
    all.delete(stranger)
    const neighbours = byNetwork.get(stranger.network)
    neighbours?.delete(stranger)
    if (neighbours?.size === 0) byNetwork.delete(stranger.network)
  }

  function evictOldest([oldest]: Iterable<Stranger>): void {
    if (oldest === undefined) return
    leave(oldest)
    oldest.evict()
  }

  return {
    enter(address, evict) {
      const stranger: Stranger = { network: networkOf(address), evict }
      const neighbours = byNetwork.get(stranger.network) ?? new Set()
      if (neighbours.size >= max.perNetwork) evictOldest(neighbours)
      else if (all.size >= max.total) evictOldest(all)
      all.add(stranger)
      // Looked up again: with its last socket a network is forgotten.
      byNetwork.set(stranger.network, (byNetwork.get(stranger.network) ?? new Set()).add(stranger))
      return () => leave(stranger)
    },
  }
}
