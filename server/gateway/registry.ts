import type { WebSocket } from 'ws'
import type { MacId } from '#protocol/ids'
import type { Clock } from '../clock.ts'
import type { FleetDesk, RevocationSource, SessionControl, SessionReader, SessionVerdict, SessionView } from '../fleet/ports.ts'
import type { Fleet } from '../inference/ports.ts'
import type { MacView } from '../scheduler/snapshot.ts'
import { createChangeSignal } from './change-signal.ts'
import { CLOSE } from './close-codes.ts'
import type { GatewayEvent } from './events.ts'
import { isRoutable } from './routable.ts'
import { type AgentSession, runSession, type SessionHost } from './session.ts'
import { DEFAULT_TIMING, type SessionTiming } from './session-timers.ts'

/** Owns every agent's session: the live one of each Mac, and those that have not proved whose they are. */
export interface Registry extends Fleet, SessionControl, SessionReader {
  /** Runs an accepted socket; `desk` decides who it is, `onProved` hears when its key has proved to be its Mac's. */
  accept(socket: WebSocket, options: { desk: FleetDesk; onProved?: () => void }): void
  readonly isDraining: boolean
  /** Passes the newest revocation list on to every agent. */
  revocationsChanged(): void
  counts(): { sockets: number; live: number; routable: number; activeRequests: number }
  /**
   * Shutdown, as a barrier: no new work from now on; what runs may finish until `signal` aborts and is then cancelled; the sockets
   * close with 1001, and the fleet desk has heard of all of it when this resolves.
   */
  drainAll(reason: string, signal: AbortSignal): Promise<void>
}

export type RegistryDeps = {
  clock: Clock
  random: (bytes: number) => Uint8Array
  timing?: Partial<SessionTiming>
  /** What is revoked; without it there is no list, as in tests. */
  revocations?: RevocationSource
  /** For log and metrics. */
  onEvent?: (event: GatewayEvent) => void
}

/** Verdicts remembered for Macs without a session; above it the oldest is forgotten, and a Mac without a verdict gets no work. */
const MAX_VERDICTS = 100_000

/** At the end of a drain, for the Macs to acknowledge what was cancelled. */
const CANCEL_GRACE_MS = 1000

const NO_LIST: RevocationSource = {
  number: 0,
  signed: undefined,
  isInForce: true,
  isWanted: () => false,
  adopt: async () => false,
}

export function createRegistry({ clock, random, timing, revocations = NO_LIST, onEvent = () => {} }: RegistryDeps): Registry {
  const sessions = new Set<AgentSession>()
  const live = new Map<MacId, AgentSession>()
  const verdicts = new Map<MacId, SessionVerdict>()
  const change = createChangeSignal()
  let isDraining = false

  const host: SessionHost = {
    admitted(session, mac) {
      const older = live.get(mac)
      live.set(mac, session)
      if (older !== undefined && older !== session) {
        onEvent({ type: 'session-displaced', session: older.id, mac })
        older.close(CLOSE.displaced, 'displaced')
      }
      return verdicts.get(mac)
    },
    changed: change.notify,
    closed(session) {
      sessions.delete(session)
      const mac = session.mac()
      if (mac !== undefined && live.get(mac) === session) live.delete(mac)
      change.notify()
    },
    event: onEvent,
  }

  /** While nobody knows what was revoked, no Mac is shown as one that may be given work. */
  const asRoutable = (view: MacView): MacView =>
    revocations.isInForce ? view : { ...view, trust: 'unknown', reasons: [], evidenceDigest: undefined, keyConfig: undefined }

  function shown(session: AgentSession | undefined): SessionView | undefined {
    const view = session?.show()
    return view && { ...view, ...asRoutable(view), isRoutable: view.isRoutable && revocations.isInForce }
  }

  const isWorking = () => [...sessions].some((session) => session.activeRequests() > 0)
  async function workEnds(signal: AbortSignal): Promise<void> {
    while (isWorking() && !signal.aborted) await change.next(signal)
  }

  return {
    get isDraining() {
      return isDraining
    },
    accept(socket, { desk, onProved = () => {} }) {
      sessions.add(runSession(socket, { desk, clock, random, timing: { ...DEFAULT_TIMING, ...timing }, host, revocations, onProved }))
    },
    snapshot: () => ({ macs: [...live.values()].flatMap((session) => session.view() ?? []).map(asRoutable) }),
    changed: change.next,
    open: (head) => (isDraining || !revocations.isInForce ? undefined : live.get(head.mac)?.open(head)),
    find: (mac) => shown(live.get(mac)),
    list: () => [...live.values()].flatMap((session) => shown(session) ?? []),
    ticketDelivered(mac, ticketId) {
      for (const session of sessions) session.ticketDelivered(mac, ticketId)
    },
    verdictChanged(mac, verdict) {
      verdicts.delete(mac)
      verdicts.set(mac, verdict)
      const oldest = verdicts.keys().next()
      if (verdicts.size > MAX_VERDICTS && !oldest.done) verdicts.delete(oldest.value)
      live.get(mac)?.verdictChanged(verdict)
    },
    keyProved(mac, agentKey) {
      for (const session of sessions) session.keyProved(mac, agentKey)
    },
    revocationsChanged() {
      for (const session of sessions) session.revocationsChanged()
      change.notify()
    },
    disconnect(mac, reason) {
      verdicts.delete(mac)
      for (const session of sessions) session.disconnect(mac, reason)
    },
    counts() {
      const views = [...live.values()].flatMap((session) => session.view() ?? []).map(asRoutable)
      const activeRequests = views.reduce((sum, view) => sum + view.active, 0)
      return { sockets: sessions.size, live: live.size, routable: views.filter(isRoutable).length, activeRequests }
    },
    async drainAll(reason, signal) {
      isDraining = true
      for (const session of sessions) session.drain(reason)
      await workEnds(signal)
      for (const session of sessions) session.cancelAll()
      await workEnds(AbortSignal.timeout(CANCEL_GRACE_MS))
      const closing = [...sessions]
      for (const session of closing) session.close(CLOSE.goingAway, reason)
      await Promise.all(closing.map((session) => session.ended))
    },
  }
}
