import type { DataFrame } from '#protocol/data-frames'
import { INITIAL_CREDIT_BYTES } from '#protocol/frames'
import type { RequestId } from '#protocol/ids'
import { EngineError } from '../engine/engine.ts'
import { faultOf, type Logger } from '../log.ts'
import { type Credit, createCredit } from './credit.ts'
import { createInbox, type Inbox } from './inbox.ts'
import { type Admission, type RequestHead, type ServeDeps, serve } from './serve.ts'

/** The requests of one session: hands each frame to the request that it is for, counts slots, ends everything when the socket goes. */
export interface Desk {
  announce(head: RequestHead): void
  chunk(frame: DataFrame): void
  grant(request: RequestId, bytes: number): void
  cancel(request: RequestId): void
  readonly active: number
  readonly isDraining: boolean
  /** No new work from now; resolves when the running work is done, or has been ended at the deadline with `draining`. */
  drain(deadlineMs: number): Promise<void>
  /** Ends all work at once. */
  close(): void
}

export type DeskDeps = ServeDeps & {
  log: Logger
  onChange: () => void
  /** This Mac stands on the revocation list: it admits nothing, whoever asks. */
  isRevoked: () => boolean
}

type Place = { inbox: Inbox; credit: Credit; abort: AbortController }

export function createDesk(deps: DeskDeps): Desk {
  /** At most as many as the engine has slots. */
  const places = new Map<RequestId, Place>()
  let isDraining = false
  let whenEmpty = Promise.withResolvers<void>()

  function admission(): Admission {
    if (isDraining || deps.isRevoked()) return 'draining'
    return places.size >= deps.engine.slots ? 'full' : 'free'
  }

  async function work(head: RequestHead): Promise<void> {
    const startedAt = performance.now()
    const place: Place = { inbox: createInbox(), credit: createCredit(INITIAL_CREDIT_BYTES), abort: new AbortController() }
    const admitted = admission()
    if (admitted === 'free') {
      places.set(head.request, place)
      deps.onChange()
    }
    const { code, usage, cause } = await serve({ head, ...place, signal: place.abort.signal }, admitted, deps)
    const fault = code === 'engine_failed' ? faultOf(cause instanceof EngineError ? (cause.cause ?? cause) : cause) : {}
    deps.log.info(
      { request: head.request, model: head.model, code, ...usage, ...fault, ms: Math.round(performance.now() - startedAt) },
      'request',
    )
    if (admitted !== 'free') return
    places.delete(head.request)
    if (places.size === 0) whenEmpty.resolve()
    deps.onChange()
  }

  function abortAll(code: 'cancelled' | 'draining'): void {
    for (const { abort } of places.values()) abort.abort(new EngineError(code))
  }

  async function untilEmpty(): Promise<void> {
    while (places.size > 0) {
      whenEmpty = Promise.withResolvers()
      await whenEmpty.promise
    }
  }

  return {
    announce(head) {
      // An id in use is a fault of the coordinator; the request that has it goes on undisturbed.
      if (places.has(head.request)) deps.log.warn({ request: head.request }, 'request id in use')
      else void work(head)
    },
    chunk: ({ request, ciphertext, sequence, final }) => places.get(request)?.inbox.push({ ciphertext, sequence, final }),
    grant: (request, bytes) => places.get(request)?.credit.grant(bytes),
    cancel: (request) => places.get(request)?.abort.abort(new EngineError('cancelled')),
    get active() {
      return places.size
    },
    get isDraining() {
      return isDraining
    },
    async drain(deadlineMs) {
      isDraining = true
      deps.onChange()
      const deadline = setTimeout(() => abortAll('draining'), deadlineMs)
      await untilEmpty()
      clearTimeout(deadline)
    },
    close: () => abortAll('cancelled'),
  }
}
