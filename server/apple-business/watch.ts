import type { RaisedAlert } from '../alerts/alerts.ts'
import type { Watcher } from '../alerts/watch.ts'
import type { Clock } from '../clock.ts'
import { listLinks } from '../store/apple-business.ts'
import type { Store } from '../store/client.ts'
import { describeFault } from './links.ts'

const DAY_MS = 24 * 3600_000
/** A server token lives a year; without it no new Mac comes by itself. */
const EXPIRY_DAYS = [30, 14, 7, 1] as const

const TOKEN = 'apple-business-token'
const FAULT = 'apple-business-fault'

type Deps = { store: Store; clock: Clock }

export const appleBusinessWatchers = (deps: Deps): Watcher[] => [
  { kind: TOKEN, look: () => watchTokens(deps) },
  { kind: FAULT, look: () => watchFaults(deps) },
]

/** Tokens that run out soon, or have. */
async function watchTokens(deps: Deps): Promise<RaisedAlert[]> {
  const now = deps.clock.now().getTime()
  return (await listLinks(deps.store)).flatMap(({ id, serverName, tokenExpiresAt }) => {
    if (tokenExpiresAt === null) return []
    const leftMs = tokenExpiresAt.getTime() - now
    const stage = EXPIRY_DAYS.filter((days) => leftMs <= days * DAY_MS).length + (leftMs <= 0 ? 1 : 0)
    if (stage === 0) return []
    const days = Math.max(0, Math.ceil(leftMs / DAY_MS))
    const when = leftMs <= 0 ? 'has expired' : `expires in ${days} ${days === 1 ? 'day' : 'days'}`
    return {
      kind: TOKEN,
      subject: id,
      severity: leftMs <= 7 * DAY_MS ? ('critical' as const) : ('warning' as const),
      sentence: `The server token of Apple Business (${serverName ?? 'unnamed'}) ${when}: new Macs then no longer enroll by themselves.`,
      remedy: 'Renew it in Apple Business and upload it under Set-up, Apple Business.',
      stage,
    }
  })
}

/** Links whose last contact with Apple failed for a reason that does not pass by itself. */
async function watchFaults(deps: Deps): Promise<RaisedAlert[]> {
  return (await listLinks(deps.store)).flatMap(({ id, serverName, fault }) => {
    if (fault === null || fault === 'BUSY' || fault === 'TOKEN_EXPIRED') return []
    return {
      kind: FAULT,
      subject: id,
      severity: 'warning' as const,
      sentence: `The link to Apple Business (${serverName ?? 'unnamed'}) does not work: ${fault}.`,
      remedy: describeFault(fault),
    }
  })
}
