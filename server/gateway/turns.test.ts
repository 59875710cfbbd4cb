import { expect, test } from 'vitest'
import { createTurns, TurnedAway, type TurnOptions } from './turns.ts'

/** Work that ends when it is told to, with a note of what has begun. */
function scripted(options: TurnOptions) {
  const turns = createTurns(options)
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  return {
    begun,
    take: (name: string) =>
      turns.take(() => {
        begun.push(name)
        return new Promise<string>((resolve) => ends.set(name, () => resolve(name)))
      }),
    end: async (name: string) => {
      await new Promise((resolve) => setImmediate(resolve))
      ends.get(name)?.()
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

test('no more than so many are at work at once, however many come', async () => {
  const turns = createTurns({ atOnce: 8, order: 'oldest', maxWaiting: 5_000 })
  let [now, peak] = [0, 0]
  const work = async () => {
    peak = Math.max(peak, ++now)
    await new Promise((resolve) => setImmediate(resolve))
    now--
  }
  await Promise.all(Array.from({ length: 5_000 }, () => turns.take(work)))
  expect(peak).toBe(8)
})

test('the oldest first, or the newest first', async () => {
  for (const [order, expected] of [
    ['oldest', ['a', 'b', 'c', 'd']],
    ['newest', ['a', 'd', 'c', 'b']],
  ] as const) {
    const { begun, take, end } = scripted({ atOnce: 1, order, maxWaiting: 10 })
    for (const name of ['a', 'b', 'c', 'd']) void take(name)
    for (const name of expected) await end(name)
    expect(begun).toEqual(expected)
  }
})

test('who would be served last is turned away when too many wait', async () => {
  const oldest = scripted({ atOnce: 1, order: 'oldest', maxWaiting: 1 })
  void oldest.take('a')
  void oldest.take('b')
  await expect(oldest.take('c')).rejects.toThrow(TurnedAway)
  const newest = scripted({ atOnce: 1, order: 'newest', maxWaiting: 1 })
  void newest.take('a')
  const second = newest.take('b')
  void newest.take('c')
  await expect(second).rejects.toThrow(TurnedAway)
  await newest.end('a')
  expect(newest.begun).toEqual(['a', 'c'])
})

test('a turn is given back by work that fails', async () => {
  const turns = createTurns({ atOnce: 1, order: 'oldest', maxWaiting: 10 })
  await expect(turns.take(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await turns.take(async () => 'yes')).toBe('yes')
})
