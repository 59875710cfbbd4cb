import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { keepGoing } from './keep-going.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function counting(isFull: () => boolean) {
  const counts = { pumped: 0, saved: 0, faults: 0, atOnce: 0, peak: 0 }
  const beat = {
    async pumpReattestations() {
      counts.peak = Math.max(counts.peak, ++counts.atOnce)
      await Promise.resolve()
      counts.atOnce--
      counts.pumped++
      return isFull()
    },
    saveProofsOfLife: async () => void counts.saved++,
  }
  return { counts, beat }
}

test('asks every five seconds, and twice a second while more is due than may be under way', async () => {
  let isFull = false
  const { counts, beat } = counting(() => isFull)
  const going = keepGoing(beat, () => {})
  await vi.advanceTimersByTimeAsync(10_100)
  expect(counts).toMatchObject({ pumped: 2, saved: 2 })
  isFull = true
  await vi.advanceTimersByTimeAsync(10_000)
  expect(counts.pumped).toBeGreaterThanOrEqual(12)
  expect(counts).toMatchObject({ saved: 4, peak: 1 })
  await going.stop()
})

test('a fault is told and the next round comes all the same; at the end what is known is saved once more', async () => {
  const { counts, beat } = counting(() => true)
  const failing = { ...beat, pumpReattestations: () => Promise.reject(new Error('no database')) }
  const going = keepGoing(failing, () => void counts.faults++)
  await vi.advanceTimersByTimeAsync(10_100)
  expect(counts).toMatchObject({ faults: 2, saved: 2 })
  await going.stop()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(counts).toMatchObject({ faults: 2, saved: 3 })
})
