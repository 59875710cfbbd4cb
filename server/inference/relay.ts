import { EngineEvent, type Usage } from '#protocol/inference'
import { type ResponseOpener, SealingError } from '#protocol/sealing'
import { MacFailure } from './mac-failure.ts'
import type { ExchangeEvent, MacExchange } from './ports.ts'

/** The longest silence of a Mac that still answers challenges: a long prompt is read in minutes, a token made in seconds. */
const FIRST_CONTENT_LIMIT_MS = 5 * 60_000
const SILENCE_LIMIT_MS = 2 * 60_000
/** How long a stopped Mac may take to say how much it had made. */
const LAST_WORD_LIMIT_MS = 2_000

/** One Mac's sealed answer as engine events, taken one at a time: who takes slowly slows the engine. */
export type Relay = {
  /**
   * The next event; `finish` is the last. Throws MacFailure, or the signal's reason once it has aborted; the Mac has been told to
   * stop by then. One call at a time.
   */
  next(): Promise<EngineEvent>
  /** Stops the Mac if it has not finished, and resolves with what it says to have made; idempotent. */
  stop(): Promise<Usage | undefined>
}

export function createRelay(exchange: MacExchange, opener: ResponseOpener, signal: AbortSignal): Relay {
  const source = exchange.events[Symbol.asyncIterator]()
  let pulling: Promise<IteratorResult<ExchangeEvent>> | undefined
  let interrupt: (reason: unknown) => void = () => {}
  let isFirst = true
  let hasFinished = false
  let hasEnded = false
  let lastWord: Promise<Usage | undefined> | undefined

  // One listener and one timer for the whole stream: this path runs for every token.
  const onAbort = () => {
    exchange.cancel()
    interrupt(signal.reason)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  const onStall = () => interrupt(new MacFailure('stalled'))
  let timer = setTimeout(onStall, FIRST_CONTENT_LIMIT_MS)

  /** Never two pulls at once, even when an interruption left one behind. */
  function pull(): Promise<IteratorResult<ExchangeEvent>> {
    pulling ??= source.next().finally(() => {
      pulling = undefined
    })
    return pulling
  }

  function interruptible<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      interrupt = reject
      promise.then(resolve, reject)
    })
  }

  async function takeNext(): Promise<EngineEvent> {
    signal.throwIfAborted()
    timer.refresh()
    const { done, value } = await interruptible(pull())
    hasEnded = done === true || value.type !== 'chunk'
    if (done) throw new MacFailure('truncated')
    const event = openEvent(opener, value)
    hasFinished = event.type === 'finish'
    if (isFirst) shortenPatience()
    return event
  }

  function shortenPatience(): void {
    isFirst = false
    clearTimeout(timer)
    timer = setTimeout(onStall, SILENCE_LIMIT_MS)
  }

  async function takeLastWord(): Promise<Usage | undefined> {
    signal.removeEventListener('abort', onAbort)
    clearTimeout(timer)
    if (hasEnded) return undefined
    if (!hasFinished) exchange.cancel()
    timer = setTimeout(onStall, LAST_WORD_LIMIT_MS)
    try {
      for (;;) {
        const { done, value } = await interruptible(pull())
        if (done) return undefined
        if (value.type === 'done' || value.type === 'error') return value.usage
      }
    } catch {
      exchange.cancel()
      void source.return?.()?.catch(() => undefined)
      return undefined // it had its time, or its socket broke
    } finally {
      clearTimeout(timer)
    }
  }

  function stop(): Promise<Usage | undefined> {
    lastWord ??= takeLastWord()
    return lastWord
  }

  return {
    async next() {
      try {
        const event = await takeNext()
        if (hasFinished) void stop() // takes the `done` that follows, so that the exchange is driven to its end
        return event
      } catch (error) {
        void stop()
        throw error
      }
    },
    stop,
  }
}

/** One exchange event as the engine's event; everything else is a failure. `finish` is the final chunk, and the final chunk is `finish`. */
function openEvent(opener: ResponseOpener, event: ExchangeEvent): EngineEvent {
  switch (event.type) {
    case 'gone':
      throw new MacFailure('gone')
    case 'error':
      throw new MacFailure(event.code, { usage: event.usage })
    case 'done':
      throw new MacFailure('truncated', { usage: event.usage })
    case 'chunk': {
      const opened = parseEvent(unseal(opener, event))
      if (opened === undefined || (opened.type === 'finish') !== event.final) throw new MacFailure('malformed_response')
      return opened
    }
  }
}

function unseal(opener: ResponseOpener, chunk: { ciphertext: Uint8Array; sequence: number; final: boolean }): Uint8Array {
  try {
    return opener.open(chunk)
  } catch (cause) {
    if (cause instanceof SealingError) throw new MacFailure('tampered', { cause })
    throw cause
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true })

function parseEvent(plaintext: Uint8Array): EngineEvent | undefined {
  try {
    return EngineEvent.safeParse(JSON.parse(decoder.decode(plaintext))).data
  } catch {
    return undefined
  }
}
