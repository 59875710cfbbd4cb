import type { DeliveryResult, Wakes, WakeUrgency } from '../../mdm/ports.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Store } from '../store/client.ts'
import {
  addWish,
  answerWish,
  dropWish,
  findNextDue,
  putOffWish,
  refuseWish,
  remindMacs,
  returnWishes,
  settleWish,
  type TakenWish,
  takeWishes,
} from '../store/push-wishes.ts'
import { createPace } from './pace.ts'

const PRIORITY = { attestation: 0, command: 1, reminder: 2 } as const satisfies Record<WakeUrgency, number>

export type WakeLimits = {
  perSecond: number
  /** Pushes under way at once. */
  concurrency: number
  /** A Mac that has not come since its last push is not pushed again before this. */
  windowMs: number
}

/** How Apple's push service answers at present; what it says of one Mac alone is not part of it. */
export type PushWeather =
  | { state: 'unknown' | 'fair' }
  /** Nobody is pushed until it changes: certificate or topic are wrong. */
  | { state: 'refused'; reason: string; since: Date }
  | { state: 'unreachable'; reason: string; since: Date }

export type WakeQueue = Wakes & {
  /** Sends what is due; resolves when nothing more is due now, or nothing may be sent for a while. */
  drain(): Promise<void>
  /** The same, after wishing for the Macs that have commands waiting and did not come. */
  round(): Promise<void>
  weather(): PushWeather
  close(): Promise<void>
}

export type WakeQueueDeps = {
  store: Store
  clock: Clock
  deliver(enrollmentId: string): Promise<DeliveryResult>
  limits: WakeLimits
  log: Log
  onPush?: (result: DeliveryResult['status']) => void
  random?: () => number
}

/** A sender that crashed gives its wishes back after the window, and what a claim takes to go out. */
const LEASE_BEYOND_WINDOW_MS = 30_000
/** As much as goes out in about this time is taken at once: what is more urgent comes next. */
const TAKE_SECONDS = 0.5
const FIRST_PAUSE_MS = 2_000
const MOST_PAUSE_MS = 5 * 60_000
/** Apple refuses the certificate: one push a minute finds out whether it has been replaced. */
const REFUSED_PAUSE_MS = 60_000
/** Nothing was sent: no certificate is installed, or it has expired. A new one is used within seconds. */
const NO_CERTIFICATE_PAUSE_MS = 5_000
const MAC_BACKOFF_MS = 30_000
const MOST_MAC_BACKOFF_MS = 3600_000
const REMINDER = { priority: PRIORITY.reminder, afterMs: 2 * 60_000, firstMs: 30 * 60_000, mostMs: 24 * 3600_000 }
/** What falls due later is looked for at this rate at least; wishes of this process say so themselves. */
const LOOK_AGAIN_MS = 15_000

/**
 * Wakes Macs, ten or ten thousand, at a bounded and jittered rate. Wishes live in the database: one row a Mac, taken in small
 * batches (FOR UPDATE SKIP LOCKED), the most urgent first. This process sends its own wishes at once; the job of every minute
 * (`round`) sends what a restart, a crash or another replica has left.
 */
export function createWakeQueue(deps: WakeQueueDeps): WakeQueue {
  const { store, clock, limits, log } = deps
  const random = deps.random ?? Math.random
  const pace = createPace({ perSecond: limits.perSecond, random })
  const ending = new AbortController()
  let weather: PushWeather = { state: 'unknown' }
  let pausedUntil = 0
  let pauses = 0
  let draining: Promise<void> | undefined
  let again = false
  let timer: NodeJS.Timeout | undefined

  const isPaused = (): boolean => ending.signal.aborted || performance.now() < pausedUntil

  function drain(): Promise<void> {
    again = true
    draining ??= (async () => {
      while (again && !isPaused()) {
        again = false
        await sendAllDue()
      }
    })().finally(() => {
      draining = undefined
      void lookAgain()
    })
    return draining
  }

  async function sendAllDue(): Promise<void> {
    const underWay = new Set<Promise<void>>()
    const limit = Math.max(1, Math.ceil(limits.perSecond * TAKE_SECONDS))
    const leaseMs = limits.windowMs + LEASE_BEYOND_WINDOW_MS
    try {
      while (!isPaused()) {
        const taken = await takeWishes(store, { at: clock.now(), leaseMs, limit })
        if (taken.length === 0) return
        await sendTaken(taken, underWay)
      }
    } finally {
      await Promise.all(underWay)
    }
  }

  async function sendTaken(taken: TakenWish[], underWay: Set<Promise<void>>): Promise<void> {
    const untried: string[] = []
    for (const wish of taken) {
      if (!isPaused()) await pace.turn(ending.signal)
      while (underWay.size >= limits.concurrency) await Promise.race(underWay)
      if (isPaused()) {
        untried.push(wish.enrollmentId)
        continue
      }
      const sending: Promise<void> = send(wish)
        .catch((err: unknown) => log.error({ err, enrollmentId: wish.enrollmentId }, 'a push failed on our side'))
        .finally(() => underWay.delete(sending))
      underWay.add(sending)
    }
    if (untried.length > 0) await returnWishes(store, untried)
  }

  async function send(wish: TakenWish): Promise<void> {
    const result = await deps.deliver(wish.enrollmentId)
    deps.onPush?.(result.status)
    noteWeather(result)
    await keep(wish, result)
  }

  async function keep(wish: TakenWish, result: DeliveryResult): Promise<void> {
    switch (result.status) {
      case 'delivered':
        return settleWish(store, wish, { again: later(limits.windowMs) })
      case 'no_token':
      case 'unregistered':
        return dropWish(store, wish)
      case 'refused':
        // The Mac is to be woken still, once whatever is wrong for all of them has been put right.
        if (result.scope === 'all') return returnWishes(store, [wish.enrollmentId])
        return refuseWish(store, wish, result.reason)
      case 'retry':
        // It may have arrived: that counts as a push.
        if (result.isUncertain === true) return settleLater(wish, result.reason)
        if (result.scope === 'all') return returnWishes(store, [wish.enrollmentId])
        return putOffWish(store, wish, { dueAt: later(macBackoff(wish, result.retryAfterMs)), fault: result.reason, isPushed: false })
      default:
        return result satisfies never
    }
  }

  const settleLater = (wish: TakenWish, fault: string): Promise<void> =>
    putOffWish(store, wish, { dueAt: later(limits.windowMs), fault, isPushed: true })
  const later = (ms: number): Date => new Date(clock.now().getTime() + ms)
  const macBackoff = ({ failures }: TakenWish, retryAfterMs: number | undefined): number =>
    Math.max(retryAfterMs ?? 0, Math.min(MAC_BACKOFF_MS * 2 ** Math.min(failures, 16), MOST_MAC_BACKOFF_MS)) * (1 + random() / 4)

  function noteWeather(result: DeliveryResult): void {
    if (result.status === 'no_token') return
    if ((result.status !== 'refused' && result.status !== 'retry') || result.scope === 'mac') {
      pauses = 0
      weather = { state: 'fair' }
      return
    }
    const state = result.status === 'refused' ? 'refused' : 'unreachable'
    weather = { state, reason: result.reason, since: weather.state === state ? weather.since : clock.now() }
    // Of many that were under way together the first decides.
    if (isPaused()) return
    const ms = pauseFor(result)
    pausedUntil = performance.now() + ms
    log.warn({ reason: result.reason, pauseMs: Math.round(ms) }, 'Apple’s push service takes no pushes: waiting')
  }

  function pauseFor(result: DeliveryResult & { status: 'refused' | 'retry' }): number {
    if (result.status === 'refused') return result.httpStatus === 0 ? NO_CERTIFICATE_PAUSE_MS : REFUSED_PAUSE_MS
    const backoffMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(pauses++, 16), MOST_PAUSE_MS)
    return Math.max(result.retryAfterMs ?? 0, backoffMs * (0.5 + random()))
  }

  /** One timer, for whatever is due next or for the end of the pause. */
  async function lookAgain(): Promise<void> {
    if (ending.signal.aborted) return
    const due = await findNextDue(store).catch(() => undefined)
    if (ending.signal.aborted) return
    const untilDue = due === undefined ? LOOK_AGAIN_MS : due.getTime() - clock.now().getTime()
    const waitMs = Math.max(untilDue, pausedUntil - performance.now(), 0)
    clearTimeout(timer)
    timer = setTimeout(drainSoon, Math.min(waitMs + 1, LOOK_AGAIN_MS))
    timer.unref()
  }

  function drainSoon(): void {
    drain().catch((err: unknown) => log.error({ err }, 'pushes could not be sent'))
  }

  return {
    want: async (enrollmentId, urgency) => {
      await addWish(store, { enrollmentId, priority: PRIORITY[urgency], at: clock.now(), windowMs: limits.windowMs })
      if (!isPaused()) drainSoon()
    },
    heard: (enrollmentId, at) => answerWish(store, enrollmentId, at),
    drain,
    round: async () => {
      const at = clock.now()
      const reminded = await remindMacs(store, { ...REMINDER, at, spreadMs: 60_000 })
      if (reminded > 0) log.info({ macs: reminded }, 'Macs with waiting commands are woken again')
      await drain()
    },
    weather: () => weather,
    close: async () => {
      ending.abort()
      clearTimeout(timer)
      await draining?.catch(() => undefined)
    },
  }
}
