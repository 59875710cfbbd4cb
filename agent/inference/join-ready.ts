import { setImmediate as nextTurn } from 'node:timers/promises'
import type { EngineEvent } from '#protocol/inference'
import { untilAborted } from './until-aborted.ts'

/**
 * Longest text in one chunk, in UTF-16 units. As JSON that is 24 KiB at most (a control character takes six bytes), so every chunk
 * fits into a data frame and into the initial credit.
 */
const MAX_CHUNK_TEXT = 4096

/** Joins text that is ready together and parts what is too long: one event for each chunk to be sealed. Reads at most one event ahead. */
export async function* joinReady(events: AsyncIterator<EngineEvent>, signal: AbortSignal): AsyncGenerator<EngineEvent> {
  let text = ''
  let next = pull(events)
  for (;;) {
    // Text in hand never waits for the engine.
    if (text !== '' && (text.length >= MAX_CHUNK_TEXT || !(await isReady(next)))) {
      yield* textEvents(text)
      text = ''
    }
    const step = await untilAborted(next, signal)
    if (step.done) return
    if (step.value.type === 'finish') {
      yield* textEvents(text)
      yield step.value
      return
    }
    text += step.value.text
    next = pull(events)
  }
}

function pull(events: AsyncIterator<EngineEvent>): Promise<IteratorResult<EngineEvent>> {
  const next = events.next()
  next.catch(() => undefined) // It may fail while nobody is waiting; whoever awaits it later still hears of it.
  return next
}

function isReady(next: Promise<unknown>): Promise<boolean> {
  const ready = next.then(
    () => true,
    () => true,
  )
  return Promise.race([ready, nextTurn(false)])
}

/** Parts of at most the chunk's length that never cut a surrogate pair. */
function* textEvents(text: string): Generator<EngineEvent> {
  let start = 0
  while (start < text.length) {
    let end = Math.min(start + MAX_CHUNK_TEXT, text.length)
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end--
    yield { type: 'text', text: text.slice(start, end) }
    start = end
  }
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff
