import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EngineErrorCode, EngineEvent, EngineRequest, FinishReason, Usage } from '#protocol/inference'
import { type Engine, EngineError } from '../engine.ts'

/** What an engine under test brings along. */
export type EngineUnderTest = {
  /** A new engine with one model loaded. */
  open(): Promise<Engine>
  model: string
  /** A user message that makes an answer of at least 30 tokens. */
  longPrompt: string
  /** A user message that does not fit into the model's context. */
  oversizePrompt: string
}

export type Answer = { text: string; reason: FinishReason; usage: Usage; pieces: number }

export function requestOf(model: string, prompt: string, changes: Partial<EngineRequest> = {}): EngineRequest {
  return { model, messages: [{ role: 'user', content: prompt }], sampling: { temperature: 0, topP: 1 }, stop: [], ...changes }
}

/** Reads a run to its end, insisting on the order of events. */
export async function answerOf(engine: Engine, request: EngineRequest, signal = new AbortController().signal): Promise<Answer> {
  let text = ''
  let pieces = 0
  let finish: Extract<EngineEvent, { type: 'finish' }> | undefined
  for await (const event of engine.generate(request, signal)) {
    if (finish !== undefined) throw new TypeError('an event after finish')
    if (event.type === 'finish') finish = event
    else {
      expect(event.text).not.toBe('')
      text += event.text
      pieces++
    }
  }
  if (finish === undefined) throw new TypeError('no finish')
  return { text, reason: finish.reason, usage: finish.usage, pieces }
}

export async function codeOf(work: Promise<unknown>): Promise<EngineErrorCode | 'no error'> {
  try {
    await work
    return 'no error'
  } catch (error) {
    if (error instanceof EngineError) return error.code
    throw error
  }
}

/** What every engine does alike; run by each engine's own test file. */
export function describeEngine(name: string, subject: EngineUnderTest): void {
  const { model, longPrompt, oversizePrompt } = subject
  let engine: Engine

  describe(`the engine ${name}`, () => {
    beforeAll(async () => {
      engine = await subject.open()
    })
    afterAll(() => engine.close())

    test('lists its model as ready, with its context and a digest', () => {
      expect(engine.models()).toEqual([{ name: model, state: 'ready', contextTokens: expect.any(Number) }])
      expect(engine.digests()[model]).toMatch(/^[0-9a-f]{64}$/)
    })

    test('streams text in pieces and ends with the usage', async () => {
      const answer = await answerOf(engine, requestOf(model, longPrompt))
      expect(answer.reason).toBe('stop')
      expect(answer.pieces).toBeGreaterThan(10)
      expect(answer.usage.promptTokens).toBeGreaterThan(0)
      expect(answer.usage.completionTokens).toBeGreaterThanOrEqual(30)
    })

    test('stops at the token limit and says so', async () => {
      const answer = await answerOf(engine, requestOf(model, longPrompt, { maxTokens: 5 }))
      expect(answer.reason).toBe('length')
      expect(answer.usage.completionTokens).toBe(5)
    })

    test('ends before a stop string, wherever the tokens part it', async () => {
      const whole = (await answerOf(engine, requestOf(model, longPrompt))).text
      for (const at of [5, 8, 11, 20]) {
        const stop = whole.slice(at, at + 4)
        const answer = await answerOf(engine, requestOf(model, longPrompt, { stop: [stop] }))
        expect(answer.text).toBe(whole.slice(0, whole.indexOf(stop)))
        expect(answer.reason).toBe('stop')
      }
    })

    test('gives back what only looked like a stop string', async () => {
      const whole = (await answerOf(engine, requestOf(model, longPrompt))).text
      const answer = await answerOf(engine, requestOf(model, longPrompt, { stop: [`${whole.slice(-3)}never`] }))
      expect(answer.text).toBe(whole)
    })

    test('gives equal text for equal seeds, whatever ran in between', async () => {
      const request = requestOf(model, longPrompt, { sampling: { temperature: 1.2, topP: 1, seed: 7 }, maxTokens: 20 })
      const first = await answerOf(engine, request)
      await answerOf(engine, requestOf(model, 'Something else entirely.', { maxTokens: 10 }))
      expect((await answerOf(engine, request)).text).toBe(first.text)
    })

    test('answers several requests at once as it answers each alone', async () => {
      const requests = [longPrompt, 'Say exactly: PONG', 'Say exactly: blue garden'].map((prompt) => requestOf(model, prompt))
      const alone: string[] = []
      for (const request of requests) alone.push((await answerOf(engine, request)).text)
      const together = await Promise.all(requests.map((request) => answerOf(engine, request)))
      expect(together.map((answer) => answer.text)).toEqual(alone)
    })

    test('refuses a model that is not loaded', async () => {
      expect(await codeOf(answerOf(engine, requestOf('another', 'Hello')))).toBe('model_not_loaded')
    })

    test('refuses a prompt that does not fit, before making anything', async () => {
      const run = engine.generate(requestOf(model, oversizePrompt), new AbortController().signal)
      expect(await codeOf(run[Symbol.asyncIterator]().next())).toBe('context_length_exceeded')
      expect(run.usage().completionTokens).toBe(0)
    })

    test('ends a cancelled request at once and frees its sequence', async () => {
      const abort = new AbortController()
      const run = engine.generate(requestOf(model, longPrompt), abort.signal)
      const events = run[Symbol.asyncIterator]()
      await events.next()
      const started = performance.now()
      abort.abort()
      expect(await codeOf(drain(events))).toBe('cancelled')
      expect(performance.now() - started).toBeLessThan(100)
      expect(engine.stats().activeSequences).toBe(0)
      expect(run.usage().completionTokens).toBeGreaterThan(0)
    })

    test('frees its sequence when the reader leaves early', async () => {
      for (let round = 0; round < engine.slots + 1; round++) {
        for await (const _ of engine.generate(requestOf(model, longPrompt), new AbortController().signal)) break
      }
      expect(engine.stats().activeSequences).toBe(0)
    })

    test('ends what runs when it is closed', async () => {
      const short = await subject.open()
      const events = short.generate(requestOf(model, longPrompt), new AbortController().signal)[Symbol.asyncIterator]()
      await events.next()
      const ended = codeOf(drain(events))
      await short.close()
      expect(await ended).toBe('cancelled')
    })
  })
}

async function drain(events: AsyncIterator<EngineEvent>): Promise<void> {
  while (!(await events.next()).done);
}
