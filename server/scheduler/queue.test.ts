import { beforeAll, expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { createScriptedFleet } from '../inference/testing/scripted-fleet.ts'
import { createScriptedMac, type ScriptedMac } from '../inference/testing/scripted-mac.ts'
import { createQueue, type QueueDeps, type SlotRequest } from './queue.ts'

let mac: ScriptedMac
beforeAll(async () => {
  mac = await createScriptedMac({ model: 'm', slots: 1 })
})

function queueBefore(macs: ScriptedMac[], options: Partial<QueueDeps> = {}) {
  const fleet = createScriptedFleet(macs)
  return { fleet, queue: createQueue({ fleet, clock: systemClock, random: Math.random, ...options }) }
}

function wish(flow = 'key', changes: Partial<SlotRequest> = {}): SlotRequest {
  return { model: 'm', flow, exclude: new Set(), isRetry: false, signal: new AbortController().signal, ...changes }
}

const refusal = (claim: Promise<unknown>): Promise<AppError> =>
  claim.then(
    () => expect.unreachable('claimed'),
    (error) => error as AppError,
  )

test('a slot that is promised is not promised again before it is released', async () => {
  const { queue } = queueBefore([mac])
  const first = await queue.claim(wish())
  let second = 'waiting'
  const claimed = queue.claim(wish()).then(() => (second = 'served'))
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(second).toBe('waiting')
  first.release()
  await claimed
})

test('waiting keys take turns', async () => {
  const { queue } = queueBefore([mac])
  const first = await queue.claim(wish())
  const order: string[] = []
  const waiting = ['greedy', 'greedy', 'greedy', 'modest'].map((flow) =>
    queue.claim(wish(flow)).then((claim) => {
      order.push(flow)
      claim.release()
    }),
  )
  first.release()
  await Promise.all(waiting)
  expect(order).toEqual(['greedy', 'modest', 'greedy', 'greedy'])
})

test('a fleet without a single suitable Mac is said at once, with the reasons counted', async () => {
  const other = await createScriptedMac({ model: 'other' })
  const { queue } = queueBefore([other])
  const error = await refusal(queue.claim(wish()))
  expect(error).toMatchObject({ code: 'no_trusted_mac', retryAfterSeconds: 15 })
  expect(error.publicText).toContain('1 without this model loaded')
  expect((await refusal(queueBefore([]).queue.claim(wish()))).publicText).toContain('no Mac is connected')
})

test('nobody waits longer than the limit, and learns the place reached', async () => {
  const { queue } = queueBefore([mac], { waitLimitMs: 30 })
  const held = await queue.claim(wish())
  const errors = await Promise.all([refusal(queue.claim(wish('a'))), refusal(queue.claim(wish('a')))])
  expect(errors).toMatchObject([
    { code: 'queue_timeout', status: 429, queuePosition: 1 },
    { code: 'queue_timeout', status: 429 },
  ])
  expect(queue.length()).toBe(0)
  held.release()
})

test('a full queue turns away, for all and for one key', async () => {
  const { queue } = queueBefore([mac], { maxWaiting: 3, maxWaitingPerKey: 2 })
  const held = await queue.claim(wish())
  const waiting = [queue.claim(wish('a')), queue.claim(wish('a'))]
  expect(await refusal(queue.claim(wish('a')))).toMatchObject({ code: 'queue_full', status: 429, queuePosition: 3 })
  waiting.push(queue.claim(wish('b')))
  expect(await refusal(queue.claim(wish('c')))).toMatchObject({ code: 'queue_full' })
  held.release()
  await Promise.all(waiting.map(async (claim) => (await claim).release()))
})

test('a caller that goes away leaves the line', async () => {
  const { queue } = queueBefore([mac])
  const held = await queue.claim(wish())
  const gone = new AbortController()
  const waiting = refusal(queue.claim(wish('a', { signal: gone.signal })))
  gone.abort(new AppError('client_closed'))
  expect(await waiting).toMatchObject({ code: 'client_closed' })
  expect(queue.length()).toBe(0)
  held.release()
})

test('a change of the fleet serves the waiting', async () => {
  const own = await createScriptedMac({ model: 'm', slots: 1 })
  const { queue, fleet } = queueBefore([own])
  own.view.active = 1
  const waiting = queue.claim(wish())
  await new Promise((resolve) => setTimeout(resolve, 10))
  own.view.active = 0
  fleet.touch()
  expect((await waiting).mac.mac).toBe(own.view.mac)
})

test('one that may not use the free Mac does not keep others from it', async () => {
  const own = await createScriptedMac({ model: 'm', slots: 1 })
  const busy = await createScriptedMac({ model: 'm', slots: 1 })
  busy.view.active = 1
  const { queue } = queueBefore([own, busy], { waitLimitMs: 200 })
  const picky = refusal(queue.claim(wish('a', { exclude: new Set([own.view.mac]), isRetry: true })))
  const claim = await queue.claim(wish('b'))
  expect(claim.mac.mac).toBe(own.view.mac)
  expect(await picky).toMatchObject({ code: 'queue_timeout' })
})

test('closing answers everyone who waits', async () => {
  const { queue } = queueBefore([mac])
  const held = await queue.claim(wish())
  const waiting = refusal(queue.claim(wish()))
  queue.close()
  expect(await waiting).toMatchObject({ code: 'shutting_down' })
  held.release()
})
