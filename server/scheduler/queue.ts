import type { MacId } from '#protocol/ids'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { chooseMac, type RoutableMac, type WhyNot } from './choose.ts'
import { createFairLine, type FairLine } from './fair-line.ts'
import type { FleetSnapshot } from './snapshot.ts'

/** Requests waiting for a slot, all keys together and one key alone; beyond, a request is turned away at once. */
const MAX_WAITING = 1024
const MAX_WAITING_PER_KEY = 256
/** The longest wait for a slot: below the patience of common HTTP proxies (60 s), so that the answer is ours. */
const WAIT_LIMIT_MS = 50_000

const RETRY_AFTER_BUSY_SECONDS = 5
const RETRY_AFTER_NONE_SECONDS = 15

export type SlotRequest = {
  model: string
  /** The API key, by which waiting is shared fairly. */
  flow: string
  exclude: ReadonlySet<string>
  /** A request that had a slot already does not stand in line again while one is free. */
  isRetry: boolean
  signal: AbortSignal
}

/** A slot promised on one Mac until `release`: call it as soon as the exchange is open (the fleet counts it from then on) or given up. */
export type Claim = { mac: RoutableMac; release(): void }

export type Queue = {
  claim(request: SlotRequest): Promise<Claim>
  length(): number
  close(): void
}

export type QueueDeps = {
  fleet: { snapshot(): FleetSnapshot; changed(signal: AbortSignal): Promise<void> }
  clock: Clock
  random: () => number
  maxWaiting?: number
  maxWaitingPerKey?: number
  waitLimitMs?: number
}

type Waiter = SlotRequest & { grant(claim: Claim): void }

/** Late binding of requests to slots: a Mac is chosen when it has room, never before, and no queue stands on a Mac. */
export function createQueue(deps: QueueDeps): Queue {
  const reserved = new Map<MacId, number>()
  const lines = new Map<string, FairLine<Waiter>>()
  const closing = new AbortController()
  let isWatching = false

  const length = () => [...lines.values()].reduce((total, line) => total + line.size(), 0)

  function reserve(mac: RoutableMac): Claim {
    reserved.set(mac.mac, (reserved.get(mac.mac) ?? 0) + 1)
    let isHeld = true
    return {
      mac,
      release() {
        if (!isHeld) return
        isHeld = false
        const left = (reserved.get(mac.mac) ?? 1) - 1
        if (left === 0) reserved.delete(mac.mac)
        else reserved.set(mac.mac, left)
        queueMicrotask(serve) // by then the fleet has counted the opened exchange
      },
    }
  }

  function choose(request: Pick<SlotRequest, 'model' | 'exclude'>) {
    const query = { model: request.model, exclude: request.exclude, now: deps.clock.now().getTime(), reserved }
    return chooseMac(deps.fleet.snapshot(), query, deps.random)
  }

  function offer(waiter: Waiter): boolean {
    const choice = choose(waiter)
    if ('mac' in choice) waiter.grant(reserve(choice.mac))
    return 'mac' in choice
  }

  function serve(): void {
    for (const [model, line] of lines) {
      // One look spares asking every waiter when no Mac is free; exclusions only ever make the choice smaller.
      if ('mac' in choose({ model, exclude: new Set() })) line.serve(offer)
      if (line.size() === 0) lines.delete(model)
    }
  }

  async function watch(): Promise<void> {
    if (isWatching) return
    isWatching = true
    try {
      while (length() > 0 && !closing.signal.aborted) {
        await deps.fleet.changed(closing.signal)
        serve()
      }
    } finally {
      isWatching = false
    }
  }

  function wait(request: SlotRequest): Promise<Claim> {
    const line = lines.get(request.model) ?? createFairLine<Waiter>()
    if (length() >= (deps.maxWaiting ?? MAX_WAITING) || line.sizeOf(request.flow) >= (deps.maxWaitingPerKey ?? MAX_WAITING_PER_KEY)) {
      throw new AppError('queue_full', { retryAfterSeconds: RETRY_AFTER_BUSY_SECONDS, queuePosition: line.size() + 1 })
    }
    lines.set(request.model, line)
    const claimed = standInLine(line, request, deps.waitLimitMs ?? WAIT_LIMIT_MS, closing.signal)
    serve() // the one ahead may be waiting for another Mac than the one that is free
    void watch().catch(serve)
    return claimed
  }

  return {
    async claim(request) {
      request.signal.throwIfAborted()
      const choice = choose(request)
      const isFirst = request.isRetry || (lines.get(request.model)?.size() ?? 0) === 0
      if ('mac' in choice && isFirst) return reserve(choice.mac)
      if ('none' in choice && choice.none.busy === 0) throw noTrustedMac(request.model, choice.none)
      return wait(request)
    },
    length,
    close: () => closing.abort(new AppError('shutting_down')),
  }
}

/** Resolves with a turn; leaves the line when the caller has gone, at the wait limit and at shutdown. */
function standInLine(line: FairLine<Waiter>, request: SlotRequest, limitMs: number, closing: AbortSignal): Promise<Claim> {
  return new Promise((resolve, reject) => {
    const waiter: Waiter = {
      ...request,
      grant(claim) {
        quit()
        resolve(claim)
      },
    }
    const onAbort = () => leave(request.signal.reason)
    const onClose = () => leave(closing.reason)
    const timer = setTimeout(() => leave(timedOut(line.position(request.flow, waiter))), limitMs)
    function quit(): void {
      clearTimeout(timer)
      request.signal.removeEventListener('abort', onAbort)
      closing.removeEventListener('abort', onClose)
    }
    function leave(reason: unknown): void {
      quit()
      line.leave(request.flow, waiter)
      reject(reason)
    }
    request.signal.addEventListener('abort', onAbort, { once: true })
    closing.addEventListener('abort', onClose, { once: true })
    line.join(request.flow, waiter)
    if (closing.aborted) onClose()
  })
}

function timedOut(position: number): AppError {
  return new AppError('queue_timeout', { retryAfterSeconds: RETRY_AFTER_BUSY_SECONDS, queuePosition: position })
}

const WORDS: Record<WhyNot, string> = {
  not_trusted: 'not trusted',
  not_live: 'not answering challenges',
  draining: 'draining',
  unavailable: 'in use by their owners',
  model_not_loaded: 'without this model loaded',
  no_key_config: 'without a key configuration',
  key_config_expired: 'with an expired key configuration',
  already_tried: 'tried in vain',
  busy: 'busy',
}

/** Says how many Macs failed which filter; a caller learns counts, never which Mac. */
function noTrustedMac(model: string, none: Record<WhyNot, number>): AppError {
  const reasons = Object.entries(none).filter(([, count]) => count > 0)
  const summary = reasons.map(([reason, count]) => `${count} ${WORDS[reason as WhyNot]}`).join(', ')
  return new AppError('no_trusted_mac', {
    public: `No trusted Mac can serve “${model}” now: ${summary === '' ? 'no Mac is connected' : summary}.`,
    retryAfterSeconds: RETRY_AFTER_NONE_SECONDS,
  })
}
