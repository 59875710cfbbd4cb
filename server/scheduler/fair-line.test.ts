import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createFairLine } from './fair-line.ts'

type Waiter = { flow: string; number: number }
const waiters = fc
  .array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 40 })
  .map((flows) => flows.map((flow, number): Waiter => ({ flow, number })))

function lineOf(all: readonly Waiter[]) {
  const line = createFairLine<Waiter>()
  for (const waiter of all) line.join(waiter.flow, waiter)
  return line
}

function servedOrder(line: ReturnType<typeof lineOf>): Waiter[] {
  const order: Waiter[] = []
  line.serve((waiter) => order.push(waiter) > 0)
  return order
}

test('everyone is served once, first come first served within a flow', () => {
  fc.assert(
    fc.property(waiters, (all) => {
      const order = servedOrder(lineOf(all))
      expect([...order].sort((a, b) => a.number - b.number)).toEqual(all)
      for (const flow of 'abcd') {
        const numbers = order.filter((waiter) => waiter.flow === flow).map((waiter) => waiter.number)
        expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
      }
    }),
  )
})

test('a position says exactly how many turns it takes', () => {
  fc.assert(
    fc.property(waiters, (all) => {
      const line = lineOf(all)
      const positions = new Map(all.map((waiter) => [waiter, line.position(waiter.flow, waiter)]))
      expect(servedOrder(line).map((waiter) => positions.get(waiter))).toEqual(all.map((_, index) => index + 1))
    }),
  )
})

test('positions stay exact after some were served', () => {
  fc.assert(
    fc.property(waiters, fc.nat({ max: 10 }), (all, turns) => {
      const line = lineOf(all)
      let left = turns
      line.serve(() => left-- > 0)
      const remaining = line.size()
      const positions = new Map(all.map((waiter) => [waiter, line.position(waiter.flow, waiter)]))
      expect(servedOrder(line).map((waiter) => positions.get(waiter))).toEqual(Array.from({ length: remaining }, (_, index) => index + 1))
    }),
  )
})

test('a single request of one key does not wait behind the many of another', () => {
  const line = lineOf([...Array.from({ length: 100 }, (_, number) => ({ flow: 'greedy', number })), { flow: 'modest', number: 100 }])
  expect(servedOrder(line).findIndex((waiter) => waiter.flow === 'modest')).toBe(1)
})

test('one that cannot use its turn keeps its place and does not hold up other flows', () => {
  const line = lineOf([
    { flow: 'a', number: 0 },
    { flow: 'b', number: 1 },
  ])
  line.serve((waiter) => waiter.flow === 'b')
  expect(line.size()).toBe(1)
  expect(servedOrder(line)).toEqual([{ flow: 'a', number: 0 }])
})

test('who left is not served', () => {
  const [first, second] = [
    { flow: 'a', number: 0 },
    { flow: 'a', number: 1 },
  ] as const
  const line = lineOf([first, second])
  line.leave('a', first)
  line.leave('a', first)
  expect(servedOrder(line)).toEqual([second])
  expect(line.size()).toBe(0)
})
