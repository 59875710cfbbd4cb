/**
 * Slows guessing at one account from many networks, without ever locking its owner out: the more failures an account has seen in
 * all, the longer each network that has failed there waits before its next attempt. A network without a failure never waits.
 */
export type AccountDelay = {
  /** Milliseconds until this network may try this account again; 0 when it may now. */
  waitMs(account: string, network: string, now: Date): number
  failed(account: string, network: string, now: Date): void
  /** The attempt counted last was none; forgets that this network had failed. The account goes on remembering all others'. */
  succeeded(account: string, network: string): void
}

type Limit = {
  /** Failures of an account, over all networks, before anybody waits. */
  freeFailures: number
  /** After the first failure above those; it doubles with each further one. */
  firstDelayMs: number
  maxDelayMs: number
  /** An account without a failure for this long begins anew. */
  quietMs: number
  /** Accounts, and networks of each; beyond them the one whose failure lies longest back is forgotten. */
  maxAccounts: number
  maxNetworks: number
}

type Failures = { count: number; lastAt: number; byNetwork: Map<string, number> }

export function createAccountDelay(limit: Limit): AccountDelay {
  const accounts = new Map<string, Failures>()

  function find(account: string, now: Date): Failures | undefined {
    const failures = accounts.get(account)
    return failures !== undefined && now.getTime() - failures.lastAt < limit.quietMs ? failures : undefined
  }

  function delayMs({ count }: Failures): number {
    const above = count - limit.freeFailures
    return above <= 0 ? 0 : Math.min(limit.maxDelayMs, limit.firstDelayMs * 2 ** (above - 1))
  }

  return {
    waitMs(account, network, now) {
      const failures = find(account, now)
      const failedAt = failures?.byNetwork.get(network)
      if (failures === undefined || failedAt === undefined) return 0
      return Math.max(0, failedAt + delayMs(failures) - now.getTime())
    },
    failed(account, network, now) {
      const { count, byNetwork } = find(account, now) ?? { count: 0, byNetwork: new Map<string, number>() }
      setNewest(byNetwork, network, now.getTime(), limit.maxNetworks)
      setNewest(accounts, account, { count: count + 1, lastAt: now.getTime(), byNetwork }, limit.maxAccounts)
    },
    succeeded(account, network) {
      const failures = accounts.get(account)
      if (failures?.byNetwork.delete(network)) failures.count--
    },
  }
}

/** A Map keeps the order of insertion: the first is the one that was set longest ago. */
function setNewest<T>(map: Map<string, T>, key: string, value: T, max: number): void {
  map.delete(key)
  if (map.size >= max) map.delete(map.keys().next().value as string)
  map.set(key, value)
}
