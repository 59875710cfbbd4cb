import { expect, test } from 'vitest'
import { createLog } from './log.ts'
import { signalToStop, stopInOrder } from './shutdown.ts'

const quiet = createLog('error', { write: () => undefined })

test('steps stop one after the other, in their order', async () => {
  const order: string[] = []
  const step = (name: string, afterMs: number) => ({
    name,
    deadlineMs: 1_000,
    stop: async () => {
      await new Promise((resolve) => setTimeout(resolve, afterMs))
      order.push(name)
    },
  })
  expect(await stopInOrder([step('requests', 30), step('jobs', 10), step('database', 0)], quiet)).toEqual([])
  expect(order).toEqual(['requests', 'jobs', 'database'])
})

test('a step that hangs or fails is named and left behind, and the next ones still stop', async () => {
  const order: string[] = []
  const unfinished = await stopInOrder(
    [
      { name: 'hangs', deadlineMs: 20, stop: () => new Promise(() => undefined) },
      {
        name: 'fails',
        deadlineMs: 1_000,
        stop: () => {
          throw new Error('no')
        },
      },
      { name: 'database', deadlineMs: 1_000, stop: () => void order.push('database') },
    ],
    quiet,
  )
  expect(unfinished).toEqual(['hangs', 'fails'])
  expect(order).toEqual(['database'])
})

test('the first signal aborts; its echo is no second one; a second one forces the end', async () => {
  let forced = 0
  const stop = signalToStop(() => {
    forced++
  })
  expect(stop.signal.aborted).toBe(false)
  process.emit('SIGINT')
  expect(stop.signal.aborted).toBe(true)
  process.emit('SIGINT')
  expect(forced).toBe(0)
  await new Promise((resolve) => setTimeout(resolve, 800))
  process.emit('SIGTERM')
  expect(forced).toBe(1)
  stop.dispose()
  process.emit('SIGWINCH')
  expect(process.listeners('SIGINT')).toHaveLength(0)
})
