import fc from 'fast-check'
import { expect, test } from 'vitest'
import { oneAtATime } from './one-at-a-time.ts'

test('work of one key never overlaps and keeps its order, whatever fails, and other keys do not wait', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ key: fc.constantFrom('a', 'b'), ticks: fc.nat({ max: 3 }), fails: fc.boolean() }), { maxLength: 20 }),
      async (jobs) => {
        const inTurn = oneAtATime<string>()
        const running = new Map<string, number>()
        const done: { key: string; n: number }[] = []
        const outcomes = await Promise.allSettled(
          jobs.map(({ key, ticks, fails }, n) =>
            inTurn(key, async () => {
              expect(running.get(key) ?? 0).toBe(0)
              running.set(key, 1)
              for (let i = 0; i < ticks; i++) await Promise.resolve()
              running.set(key, 0)
              done.push({ key, n })
              if (fails) throw new Error('failed')
              return n
            }),
          ),
        )
        expect(outcomes.map((outcome) => outcome.status)).toEqual(jobs.map(({ fails }) => (fails ? 'rejected' : 'fulfilled')))
        for (const key of ['a', 'b']) {
          const order = done.filter((one) => one.key === key).map((one) => one.n)
          expect(order).toEqual(order.toSorted((a, b) => a - b))
        }
      },
    ),
  )
})

test('a key that waits holds up no other', async () => {
  const inTurn = oneAtATime<string>()
  const stuck = Promise.withResolvers<void>()
  const first = inTurn('a', () => stuck.promise)
  expect(await inTurn('b', async () => 'b')).toBe('b')
  stuck.resolve()
  await first
})
