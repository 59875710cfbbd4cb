import { createHash } from 'node:crypto'
import type { ModelState } from '#protocol/frames'
import type { ChatMessage, EngineEvent, EngineRequest, Usage } from '#protocol/inference'
import { type Engine, EngineError, type EngineRun } from './engine.ts'
import { createStopMatcher } from './stop-strings.ts'
import { createTimerQueue, type TimerQueue } from './timer-queue.ts'

export type SimOptions = {
  slots: number
  /** Time from the request to its first token, and from each token to the next. */
  ttftMs: number
  itlMs: number
  contextTokens: number
}

/** An engine of words and clocks, for load tests: echoes the last user message, word by word, at the times that it was told. */
export function createSimEngine(options: SimOptions): Engine {
  const timers = createTimerQueue()
  const models = new Map<string, ModelState>()
  const closing = new AbortController()
  let activeSequences = 0
  let tokensGenerated = 0

  async function* generate(request: EngineRequest, signal: AbortSignal, usage: Usage): AsyncGenerator<EngineEvent> {
    if (!models.has(request.model)) throw new EngineError('model_not_loaded')
    usage.promptTokens = request.messages.reduce((total, message) => total + wordsOf(message.content).length, 0)
    const room = options.contextTokens - usage.promptTokens
    if (room <= 0) throw new EngineError('context_length_exceeded')
    if (activeSequences >= options.slots) throw new EngineError('no_free_slot')
    activeSequences++
    try {
      yield* speak({ request, room, usage, pace: createPace(options, timers, AbortSignal.any([signal, closing.signal])) })
    } finally {
      activeSequences--
      tokensGenerated += usage.completionTokens
    }
  }

  return {
    name: 'sim',
    slots: options.slots,
    async load({ name }) {
      models.set(name, { name, state: 'ready', contextTokens: options.contextTokens })
    },
    models: () => [...models.values()],
    digests: () => Object.fromEntries([...models.keys()].map((name) => [name, createHash('sha256').update(`sim ${name}`).digest('hex')])),
    generate(request, signal): EngineRun {
      const usage: Usage = { promptTokens: 0, completionTokens: 0 }
      return { [Symbol.asyncIterator]: () => generate(request, signal, usage), usage: () => ({ ...usage }) }
    },
    stats: () => ({ activeSequences, tokensGenerated }),
    async close() {
      closing.abort()
    },
  }
}

/** The words once; with a token limit, over and over until it is reached. */
async function* speak(options: { request: EngineRequest; room: number; usage: Usage; pace: Pace }): AsyncGenerator<EngineEvent> {
  const { request, usage, pace } = options
  const words = wordsToEcho(request.messages)
  const wanted = request.maxTokens ?? words.length
  const limit = Math.min(wanted, options.room)
  const stops = createStopMatcher(request.stop)
  let isStopped = false
  while (!isStopped && usage.completionTokens < limit) {
    await pace.next()
    const word = words[usage.completionTokens % words.length] as string
    const { text, stopped } = stops.push(usage.completionTokens === 0 ? word : ` ${word}`)
    usage.completionTokens++
    isStopped = stopped
    if (text !== '') yield { type: 'text', text }
  }
  const held = stops.end()
  if (held !== '') yield { type: 'text', text: held }
  const isCutShort = !isStopped && (request.maxTokens !== undefined || limit < wanted)
  yield { type: 'finish', reason: isCutShort ? 'length' : 'stop', usage: { ...usage } }
}

function wordsToEcho(messages: readonly ChatMessage[]): string[] {
  const words = wordsOf(messages.findLast((message) => message.role === 'user')?.content ?? '')
  return words.length === 0 ? ['…'] : words
}

const wordsOf = (text: string): string[] => text.split(/\s+/u).filter((word) => word !== '')

interface Pace {
  /** Resolves when the next token is due; throws `cancelled` as soon as the signal aborts. */
  next(): Promise<void>
}

/** Behind by more than this, a stream was held up by its reader, and goes on from now instead of catching up in a burst. */
const MAX_BEHIND_MS = 1000

/** Token i is due at start + ttft + i × itl, whatever the delays before it were: rates stay exact under load. */
function createPace(times: { ttftMs: number; itlMs: number }, timers: TimerQueue, signal: AbortSignal): Pace {
  let due = performance.now() + times.ttftMs
  return {
    async next() {
      if (signal.aborted) throw new EngineError('cancelled')
      const now = performance.now()
      if (due < now - MAX_BEHIND_MS) due = now
      if (due > now) await sleepUntil(due, timers, signal)
      if (signal.aborted) throw new EngineError('cancelled')
      due += times.itlMs
    },
  }
}

function sleepUntil(due: number, timers: TimerQueue, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const forget = timers.at(due, () => {
      signal.removeEventListener('abort', leave)
      resolve()
    })
    function leave(): void {
      forget()
      resolve()
    }
    signal.addEventListener('abort', leave, { once: true })
  })
}
