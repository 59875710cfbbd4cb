import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '../store/client.ts'
import { listTrustedMacs } from '../store/verdicts.ts'
import type { Appraiser } from './appraise.ts'
import type { LiveSessions } from './live-sessions.ts'

type Deps = { store: Store; live: Pick<LiveSessions, 'find'>; appraiser: Pick<Appraiser, 'appraise'>; afterMs: number }

/** As many as are judged in one go: whoever connects meanwhile waits for no more than these. */
const AT_ONCE = 32

/**
 * Judges the Macs that the last run left as trusted and that have not come back. Nothing is routed to them in any case, since they have
 * no session; what is put right here is what people and reports are told.
 */
export async function judgeTrustedAgain({ store, live, appraiser, afterMs }: Deps, signal: AbortSignal): Promise<void> {
  await sleep(afterMs, undefined, { signal }).catch(() => undefined)
  if (signal.aborted) return
  const missing = (await listTrustedMacs(store)).filter((mac) => live.find(mac) === undefined)
  for (let start = 0; start < missing.length && !signal.aborted; start += AT_ONCE) {
    const still = missing.slice(start, start + AT_ONCE).filter((mac) => live.find(mac) === undefined)
    // One Mac that cannot be judged keeps no other waiting; the regular round comes back to it.
    await Promise.allSettled(still.map((mac) => appraiser.appraise(mac)))
  }
}
