import { expect, test } from 'vitest'
import type { Engine } from './engine.ts'
import { createSimEngine } from './sim.ts'
import { answerOf, describeEngine, requestOf } from './testing/conformance.ts'

const LONG = Array.from({ length: 40 }, (_, i) => `word${i}`).join(' ')

async function openSim(options: { slots?: number; ttftMs?: number; itlMs?: number } = {}): Promise<Engine> {
  const engine = createSimEngine({ slots: 4, ttftMs: 2, itlMs: 1, contextTokens: 1000, ...options })
  await engine.load({ name: 'sim-model', directory: '' })
  return engine
}

describeEngine('sim', { open: () => openSim(), model: 'sim-model', longPrompt: LONG, oversizePrompt: 'word '.repeat(1000) })

test('echoes the words of the last user message once', async () => {
  const engine = await openSim()
  const answer = await answerOf(engine, requestOf('sim-model', 'one  two\nthree'))
  expect(answer.text).toBe('one two three')
  expect(answer.usage).toEqual({ promptTokens: 3, completionTokens: 3 })
})

test('goes round and round up to the token limit', async () => {
  const engine = await openSim()
  const answer = await answerOf(engine, requestOf('sim-model', 'a b', { maxTokens: 5 }))
  expect(answer.text).toBe('a b a b a')
  expect(answer.reason).toBe('length')
})

test('keeps its times for 128 streams at once, without drift', async () => {
  const engine = await openSim({ slots: 128, ttftMs: 50, itlMs: 10 })
  const started = performance.now()
  const request = requestOf('sim-model', 'a b c', { maxTokens: 46 })
  await Promise.all(Array.from({ length: 128 }, () => answerOf(engine, request)))
  const took = performance.now() - started
  expect(took).toBeGreaterThanOrEqual(498)
  expect(took).toBeLessThan(1000)
})

test('refuses more streams than it has slots', async () => {
  const engine = await openSim({ slots: 1 })
  const first = answerOf(engine, requestOf('sim-model', LONG))
  await expect(answerOf(engine, requestOf('sim-model', LONG))).rejects.toMatchObject({ code: 'no_free_slot' })
  await first
})
