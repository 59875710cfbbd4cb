import type { FleetDesk } from '../fleet/ports.ts'
import { createTurns, TurnedAway } from './turns.ts'

/** Fewer than the database has connections: the rest of the appliance goes on beside a fleet that comes back. */
const HELLOS_AT_ONCE = 8
const ADMISSIONS_AT_ONCE = 12
/** Strangers are fewer (upgrade.ts); those above are gone already. */
const MAX_HELLOS_WAITING = 4096
/** One or two for each Mac of the largest fleet that this is made for. */
const MAX_ADMISSIONS_WAITING = 50_000

/**
 * The fleet desk for thousands that come at once, as after an outage: each of its questions goes to the database, and without turns all
 * of them would wait for a connection until that wait itself ran out. Hellos are answered newest first, because a stranger’s socket may
 * be displaced by the next (strangers.ts) and a newcomer is certainly there; what is said of admitted sessions keeps its order.
 */
export function createPacedDesk(desk: FleetDesk): FleetDesk {
  const hellos = createTurns({ atOnce: HELLOS_AT_ONCE, order: 'newest', maxWaiting: MAX_HELLOS_WAITING })
  const admissions = createTurns({ atOnce: ADMISSIONS_AT_ONCE, order: 'oldest', maxWaiting: MAX_ADMISSIONS_WAITING })
  return {
    ...desk,
    identify: (hello) =>
      hellos
        .take(() => desk.identify(hello))
        .catch((error: unknown) => {
          if (error instanceof TurnedAway) return undefined
          throw error
        }),
    proveTicket: (proof) => hellos.take(() => desk.proveTicket(proof)),
    sessionOpened: (session) => admissions.take(() => desk.sessionOpened(session)),
    challengeAnswered: (answer) => admissions.take(() => desk.challengeAnswered(answer)),
    livenessLost: (loss) => admissions.take(() => desk.livenessLost(loss)),
    sessionClosed: (session) => admissions.take(() => desk.sessionClosed(session)),
  }
}
