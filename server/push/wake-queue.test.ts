import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { DeliveryResult } from '../../mdm/ports.ts'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { createLog } from '../log.ts'
import { takeWishes } from '../store/push-wishes.ts'
import { createWakeQueue, type WakeLimits, type WakeQueue } from './wake-queue.ts'

const WINDOW_MS = 60_000
const DELIVERED: DeliveryResult = { status: 'delivered', apnsId: undefined }
const log = createLog('error', { write: () => undefined })

let database: TestDatabase
/** Runs with the real one, and is put forward by the tests. */
let ahead: number
let queues: WakeQueue[]
let pushed: string[]
let underWay: number
let mostUnderWay: number
let answer: (enrollmentId: string) => DeliveryResult | Promise<DeliveryResult>
const clock = { now: () => new Date(Date.now() + ahead) }
const soon = (ms = 5) => new Promise((resolve) => setTimeout(resolve, ms))

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())
beforeEach(async () => {
  await database.store.$executeRaw`TRUNCATE "PushWish", "MdmCommand", "Enrollment", "Mac" CASCADE`
  ahead = 0
  queues = []
  pushed = []
  underWay = mostUnderWay = 0
  answer = () => DELIVERED
})
afterEach(() => Promise.all(queues.map((queue) => queue.close())))

function queueOf(limits: Partial<WakeLimits> = {}): WakeQueue {
  const queue = createWakeQueue({
    ...{ store: database.store, clock, log },
    limits: { perSecond: 2000, concurrency: 20, windowMs: WINDOW_MS, ...limits },
    deliver: async (enrollmentId) => {
      pushed.push(enrollmentId)
      mostUnderWay = Math.max(mostUnderWay, ++underWay)
      const result = await answer(enrollmentId)
      underWay--
      return result
    },
  })
  queues.push(queue)
  return queue
}

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `E${index}`)
const wishOf = (enrollmentId: string) => database.store.pushWish.findUnique({ where: { enrollmentId } })

/** Wishes as they stand after a restart: in the database, and nobody yet at work on them. */
async function leaveWishes(ids: string[], priority = 1): Promise<void> {
  await database.store.pushWish.createMany({ data: ids.map((enrollmentId) => ({ enrollmentId, priority, dueAt: clock.now() })) })
}

describe('a wish to wake a Mac', () => {
  test('goes out at once, and is over', async () => {
    const queue = queueOf()
    await queue.want('E1', 'command')
    await expect.poll(() => pushed).toEqual(['E1'])
    await queue.drain()
    expect(await wishOf('E1')).toMatchObject({ dueAt: null, leasedUntil: null, pushes: 1, failures: 0, lastFault: null })
  })

  test('joins any number of others: one push, and no second within the window', async () => {
    const queue = queueOf()
    await Promise.all(Array.from({ length: 30 }, () => queue.want('E1', 'command')))
    await queue.drain()
    await queue.want('E1', 'command')
    await queue.drain()
    expect(pushed).toEqual(['E1'])
    ahead = WINDOW_MS + 1000
    await queue.drain()
    expect(pushed).toEqual(['E1', 'E1'])
  })

  test('is not taken for done by the push that was under way when it came', async () => {
    const queue = queueOf()
    let release: () => void = () => undefined
    answer = () =>
      new Promise((resolve) => {
        release = () => resolve(DELIVERED)
      })
    await queue.want('E1', 'command')
    await expect.poll(() => pushed).toHaveLength(1)
    await queue.want('E1', 'command')
    answer = () => DELIVERED
    release()
    await queue.drain()
    expect(pushed).toHaveLength(1)
    ahead = WINDOW_MS + 1000
    await queue.drain()
    expect(pushed).toHaveLength(2)
    expect((await wishOf('E1'))?.dueAt).toBeNull()
  })

  test('is over when the Mac comes by itself; after that the next push goes out at once', async () => {
    const queue = queueOf({ perSecond: 5 })
    await leaveWishes(['E1'])
    await queue.heard('E1', clock.now())
    await queue.drain()
    expect(pushed).toEqual([])
    await queue.want('E1', 'command')
    await queue.drain()
    await queue.heard('E1', clock.now())
    await queue.want('E1', 'command')
    await queue.drain()
    expect(pushed).toEqual(['E1', 'E1'])
  })

  test('that comes while a push is under way, after the Mac has come for it, goes out at once too', async () => {
    const queue = queueOf()
    let isFirst = true
    answer = async () => {
      if (!isFirst) return DELIVERED
      isFirst = false
      await queue.heard('E1', clock.now())
      await queue.want('E1', 'command')
      return DELIVERED
    }
    await queue.want('E1', 'command')
    await expect.poll(() => pushed).toEqual(['E1', 'E1'])
  })
})

describe('a storm', () => {
  test('goes out at the agreed rate, with no more under way than agreed', async () => {
    answer = async () => soon(30).then(() => DELIVERED)
    await leaveWishes(names(60))
    const began = performance.now()
    await queueOf({ perSecond: 100, concurrency: 3 }).drain()
    // 60 at 100 a second: the first goes at once, the others 10 ms apart in the mean.
    expect(performance.now() - began).toBeGreaterThan(450)
    expect(mostUnderWay).toBeLessThanOrEqual(3)
    expect(pushed.toSorted()).toEqual(names(60).toSorted())
  })

  test('sends fresh attestation before commands, and commands before reminders', async () => {
    await leaveWishes(['reminder'], 2)
    await leaveWishes(names(20), 1)
    await leaveWishes(['urgent'], 0)
    await queueOf({ perSecond: 200, concurrency: 1 }).drain()
    expect([pushed[0], pushed.at(-1), pushed.length]).toEqual(['urgent', 'reminder', 22])
  })

  test('lets what is urgent overtake what waits already', async () => {
    await leaveWishes(names(60), 1)
    const queue = queueOf({ perSecond: 50, concurrency: 1 })
    const draining = queue.drain()
    await expect.poll(() => pushed.length).toBeGreaterThan(2)
    await queue.want('urgent', 'attestation')
    await draining
    expect(pushed.indexOf('urgent')).toBeLessThan(40)
  })

  test('goes on after a restart in its middle: no Mac is left out, none pushed twice', async () => {
    answer = async () => soon(3).then(() => DELIVERED)
    await leaveWishes(names(200))
    const first = queueOf({ perSecond: 400 })
    const draining = first.drain()
    await expect.poll(() => pushed.length).toBeGreaterThan(30)
    await first.close()
    await draining
    const before = pushed.length
    expect(before).toBeLessThan(200)
    await queueOf().drain()
    expect(pushed.length).toBe(200)
    expect(new Set(pushed).size).toBe(200)
  })

  test('goes on after a crash: what was taken and never settled goes out once the window is over, and not before', async () => {
    await leaveWishes(names(10))
    const lost = await takeWishes(database.store, { at: clock.now(), leaseMs: WINDOW_MS, limit: 4 })
    const queue = queueOf()
    await queue.drain()
    expect(pushed).toHaveLength(6)
    for (const { enrollmentId } of lost) await queue.want(enrollmentId, 'command')
    await queue.drain()
    expect(pushed).toHaveLength(6)
    ahead = WINDOW_MS + 1000
    await queue.drain()
    expect(pushed.toSorted()).toEqual(names(10).toSorted())
  })

  test('is shared by several senders, each Mac having one', async () => {
    answer = async () => soon(2).then(() => DELIVERED)
    await leaveWishes(names(300))
    await Promise.all([queueOf(), queueOf(), queueOf()].map((queue) => queue.drain()))
    expect(pushed.length).toBe(300)
    expect(new Set(pushed).size).toBe(300)
  })
})

describe('Apple’s answers', () => {
  test('503 with Retry-After: everybody waits, nobody is lost, and it goes on by itself', async () => {
    let isBusy = true
    answer = () => (isBusy ? { status: 'retry', reason: 'ServiceUnavailable', retryAfterMs: 300, scope: 'all' } : DELIVERED)
    const queue = queueOf({ concurrency: 1 })
    await leaveWishes(names(50))
    await queue.drain()
    expect(pushed).toHaveLength(1)
    expect(queue.weather()).toMatchObject({ state: 'unreachable', reason: 'ServiceUnavailable' })
    await queue.drain()
    await queue.want('late', 'command')
    expect(pushed).toHaveLength(1)
    isBusy = false
    await expect.poll(() => new Set(pushed).size, { timeout: 6000 }).toBe(51)
    expect(queue.weather()).toEqual({ state: 'fair' })
  })

  test('429 for one token: that Mac waits, longer each time, and the others do not', async () => {
    answer = (id) => (id === 'E3' ? { status: 'retry', reason: 'TooManyRequests', retryAfterMs: 90_000, scope: 'mac' } : DELIVERED)
    const queue = queueOf()
    await leaveWishes(names(6))
    await queue.drain()
    expect(new Set(pushed)).toEqual(new Set(names(6)))
    const wish = await wishOf('E3')
    expect(wish).toMatchObject({ failures: 1, lastFault: 'TooManyRequests', leasedUntil: null })
    expect((wish?.dueAt?.getTime() ?? 0) - clock.now().getTime()).toBeGreaterThan(85_000)
    ahead = 3600_000
    answer = () => DELIVERED
    await queue.drain()
    expect(pushed.filter((id) => id === 'E3')).toHaveLength(2)
    expect(await wishOf('E3')).toMatchObject({ failures: 0, lastFault: null, dueAt: null })
  })

  test('403: one push finds it out, the rest are kept for the right certificate', async () => {
    answer = () => ({ status: 'refused', httpStatus: 403, reason: 'BadCertificate', scope: 'all' })
    const queue = queueOf({ concurrency: 1 })
    await leaveWishes(names(40))
    await queue.drain()
    expect(pushed).toHaveLength(1)
    expect(queue.weather()).toMatchObject({ state: 'refused', reason: 'BadCertificate' })
    expect(await database.store.pushWish.count({ where: { dueAt: { not: null }, leasedUntil: null } })).toBe(40)
  })

  test('DeviceTokenNotForTopic: the wish is over, and its reason kept', async () => {
    answer = () => ({ status: 'refused', httpStatus: 400, reason: 'DeviceTokenNotForTopic', scope: 'mac' })
    const queue = queueOf()
    await queue.want('E1', 'command')
    await queue.drain()
    expect(await wishOf('E1')).toMatchObject({ dueAt: null, lastFault: 'DeviceTokenNotForTopic' })
    expect(queue.weather()).toEqual({ state: 'fair' })
  })

  test.each(['unregistered', 'no_token'] as const)('%s: the wish is dropped', async (status) => {
    answer = () => (status === 'no_token' ? { status } : { status, reason: 'Unregistered' })
    const queue = queueOf()
    await queue.want('E1', 'command')
    await queue.drain()
    expect(await wishOf('E1')).toBeNull()
  })

  test('none, after the push was sent: it may have arrived, so the Mac is not pushed again within its window', async () => {
    answer = () => ({ status: 'retry', reason: 'no answer in time', retryAfterMs: undefined, scope: 'all', isUncertain: true })
    await leaveWishes(['E1'])
    await queueOf().drain()
    answer = () => DELIVERED
    const next = queueOf()
    await next.want('E1', 'command')
    await next.drain()
    expect(pushed).toHaveLength(1)
    ahead = WINDOW_MS + 1000
    await next.drain()
    expect(pushed).toHaveLength(2)
  })

  test('a fault of ours leaves the wish for later and keeps no other waiting', async () => {
    answer = (id) => (id === 'E0' ? Promise.reject(new Error('the database is away')) : DELIVERED)
    await leaveWishes(names(3))
    const queue = queueOf()
    await queue.drain()
    expect(pushed.toSorted()).toEqual(names(3))
    expect((await wishOf('E0'))?.dueAt).not.toBeNull()
    answer = () => DELIVERED
    ahead = 2 * WINDOW_MS
    await queue.drain()
    expect((await wishOf('E0'))?.dueAt).toBeNull()
  })
})

describe('the round of every minute', () => {
  const HOUR_MS = 3600_000
  type Waiting = { state?: 'queued' | 'sent' | 'not_now' | 'acknowledged'; ageMs?: number; seenMs?: number; ttlMs?: number }

  /** A Mac with one command, as old as said, last seen as long ago. */
  async function addMac(
    id: string,
    { state = 'queued', ageMs = HOUR_MS, seenMs = HOUR_MS, ttlMs = 48 * HOUR_MS }: Waiting = {},
    more = {},
  ) {
    const at = (ms: number) => new Date(clock.now().getTime() - ms)
    await database.store.mac.create({ data: { id, serial: id, addedAt: at(0) } })
    const enrolled = { state: 'enrolled', pushToken: Buffer.from(id), pushMagic: 'M', topic: 'T', lastSeenAt: at(seenMs) } as const
    const times = { linkHash: Buffer.from(id), linkExpiresAt: at(0), createdAt: at(0) }
    await database.store.enrollment.create({ data: { id, macId: id, ...enrolled, ...times, ...more } })
    const command = { id, enrollmentId: id, requestType: 'SecurityInfo', payload: Buffer.alloc(0), state }
    await database.store.mdmCommand.create({ data: { ...command, createdAt: at(ageMs), expiresAt: at(-ttlMs) } })
  }
  const round = async (): Promise<string[]> => {
    const queue = queueOf()
    pushed = []
    await queue.round()
    // Reminders are spread over a minute.
    ahead += 61_000
    await queue.drain()
    await queue.close()
    return pushed.toSorted()
  }

  test('wakes whoever has commands and did not come, and nobody else', async () => {
    await addMac('waits')
    await addMac('sent-and-silent', { state: 'sent' })
    await addMac('fresh-command', { ageMs: 1000 })
    await addMac('just-seen', { seenMs: 1000 })
    await addMac('put-off', { state: 'not_now' })
    await addMac('put-off-for-a-day', { state: 'not_now', ageMs: 30 * HOUR_MS, seenMs: 25 * HOUR_MS })
    await addMac('settled', { state: 'acknowledged' })
    await addMac('expired', { ttlMs: -1000 })
    await addMac('unreachable', {}, { unreachableAt: clock.now() })
    await addMac('left', {}, { state: 'unenrolled' })
    await addMac('no-token', {}, { pushToken: null })
    expect(await round()).toEqual(['put-off-for-a-day', 'sent-and-silent', 'waits'])
  })

  test('reminds a sleeping Mac less and less often, until it comes', async () => {
    await addMac('sleeps', { ttlMs: 400 * HOUR_MS })
    const hours: number[] = []
    for (let half = 0; half < 100; half++) {
      if ((await round()).length > 0) hours.push(Math.round((ahead / HOUR_MS) * 2) / 2)
      ahead += HOUR_MS / 2
    }
    expect(hours.length).toBeGreaterThan(4)
    expect(hours.length).toBeLessThan(10)
    const gaps = hours.slice(1).map((hour, index) => hour - (hours[index] as number))
    expect(gaps).toEqual(gaps.toSorted((a, b) => a - b))
  })

  test('sends what a process that is gone has left', async () => {
    await leaveWishes(names(5))
    const queue = queueOf()
    await queue.round()
    expect(pushed.toSorted()).toEqual(names(5))
  })
})

test('ten thousand wishes are taken and settled in a time that pushing them does not notice', { timeout: 60_000 }, async () => {
  await leaveWishes(names(10_000))
  const queue = queueOf({ perSecond: 100_000, concurrency: 50 })
  const began = performance.now()
  await queue.drain()
  const seconds = (performance.now() - began) / 1000
  console.log(`10,000 wishes: ${Math.round(10_000 / seconds)} a second`)
  expect(new Set(pushed).size).toBe(10_000)
  expect(pushed.length).toBe(10_000)
  expect(10_000 / seconds).toBeGreaterThan(100)
})
