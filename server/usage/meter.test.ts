import { fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type MacId, newId, type RequestId } from '#protocol/ids'
import { testDatabase } from '../../test/support/postgres.ts'
import { systemClock } from '../clock.ts'
import { createStore } from '../store/client.ts'
import { openJournal } from './journal.ts'
import { createMeter, type Ending, type Meter, type MeterDeps } from './meter.ts'

type Database = Awaited<ReturnType<typeof testDatabase>>
let database: Database
let folder: string
let path: string
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-meter-'))
  path = join(folder, 'usage.journal')
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Nothing listens on port 1. */
const CLOSED_PORT = 'postgresql://nobody@127.0.0.1:1/none'
const silent = { warn: () => {} }

async function meterOn(store: MeterDeps['store'], options: Partial<MeterDeps> = {}): Promise<Meter> {
  return createMeter({ store, journal: await openJournal(path), clock: systemClock, log: silent, ...options })
}

const request = () => ({ id: newId<RequestId>('req'), apiKeyId: 'key_1', model: 'm', stream: true })
const completed: Ending = { outcome: 'completed', usage: { promptTokens: 3, completionTokens: 5 } }
const patience = () => AbortSignal.timeout(10_000)
const row = (id: string) => database.store.inferenceRequest.findUnique({ where: { id } })

test('a request is a row from its opening, and is settled with its counts', async () => {
  const meter = await meterOn(database.store)
  const one = request()
  const mac = newId<MacId>('mac')
  const account = meter.open(one)
  await expect.poll(() => row(one.id)).toMatchObject({ ...one, settledAt: null, outcome: null })
  account.servedBy(mac, new Date())
  await account.settle(completed)
  await expect
    .poll(() => row(one.id))
    .toMatchObject({ macId: mac, outcome: 'completed', promptTokens: 3, completionTokens: 5, errorCode: null })
  expect((await row(one.id))?.firstContentAt).toBeInstanceOf(Date)
  await expect.poll(() => readFileSync(path, 'utf8')).toBe('')
  await meter.close(patience())
})

test('only the first settlement of a request counts', async () => {
  const meter = await meterOn(database.store)
  const one = request()
  const account = meter.open(one)
  await Promise.all([account.settle({ outcome: 'failed', errorCode: 'mac_vanished' }), account.settle(completed)])
  account.servedBy(newId<MacId>('mac'), new Date())
  await meter.close(patience())
  expect(await row(one.id)).toMatchObject({ outcome: 'failed', errorCode: 'mac_vanished', promptTokens: null, macId: null })
})

test('whatever order and how often records reach the database, every request is settled exactly once', async () => {
  const { saveRequests } = await import('../store/requests.ts')
  const at = new Date()
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ n: fc.nat(3), settles: fc.boolean(), tokens: fc.nat(9) }), { maxLength: 12 }), async (steps) => {
      const ids = Array.from({ length: 4 }, () => newId<RequestId>('req'))
      const first = new Map<string, number>()
      for (const { n, settles, tokens } of steps) {
        const id = ids[n] as RequestId
        if (settles && !first.has(id)) first.set(id, tokens)
        const settled = { at, outcome: 'completed' as const, completionTokens: tokens }
        await saveRequests(database.store, [{ ...request(), id, openedAt: at, ...(settles ? { settled } : {}) }])
      }
      for (const found of await database.store.inferenceRequest.findMany({ where: { id: { in: ids } } })) {
        expect(found.completionTokens).toBe(first.get(found.id) ?? null)
        expect(found.outcome).toBe(first.has(found.id) ? 'completed' : null)
      }
    }),
    { numRuns: 20 },
  )
})

test('with the database away, settlements wait in the journal and a later process brings them in', async () => {
  const away = createStore(CLOSED_PORT)
  const meter = await meterOn(away.store)
  const accounts = Array.from({ length: 50 }, request).map((one) => ({ one, account: meter.open(one) }))
  await Promise.all(accounts.map(({ account }) => account.settle(completed)))
  await meter.close(AbortSignal.timeout(50))
  await away.close()

  const next = await meterOn(database.store)
  await next.close(patience())
  for (const { one } of accounts) expect(await row(one.id)).toMatchObject({ outcome: 'completed', completionTokens: 5 })
  expect(readFileSync(path, 'utf8')).toBe('')
})

test('the database may die in the middle and come back: nothing is lost, nothing counted twice', async () => {
  let isAway = false
  const flaky = new Proxy(database.store, {
    get: (store, name) => {
      if (isAway) throw new Error('connection refused')
      return Reflect.get(store, name)
    },
  })
  const meter = await meterOn(flaky)
  const before = meter.open(request())
  await before.settle(completed)
  const one = request()
  const account = meter.open(one)
  await expect.poll(() => row(one.id)).not.toBeNull()
  isAway = true
  await account.settle(completed)
  const two = request()
  await meter.open(two).settle(completed)
  expect(await row(one.id)).toMatchObject({ settledAt: null })
  isAway = false
  await expect.poll(() => row(two.id), { timeout: 5000 }).toMatchObject({ outcome: 'completed' })
  expect(await row(one.id)).toMatchObject({ outcome: 'completed', completionTokens: 5 })
  await meter.close(patience())
})

test('one record that can never be stored is left to the log, and holds up no other', async () => {
  const warnings: object[] = []
  const meter = await meterOn(database.store, { log: { warn: (fields) => warnings.push(fields) } })
  const absurd = request()
  const requests = Array.from({ length: 9 }, request)
  const beyondAnyColumn: Ending = { outcome: 'failed', usage: { promptTokens: 2 ** 53 - 1, completionTokens: 0 } }
  await Promise.all([meter.open(absurd).settle(beyondAnyColumn), ...requests.map((one) => meter.open(one).settle(completed))])
  await meter.close(patience())
  for (const one of requests) expect(await row(one.id)).toMatchObject({ outcome: 'completed' })
  expect(warnings).toMatchObject([{ record: { id: absurd.id } }])
  expect(readFileSync(path, 'utf8')).toBe('')
})

test('more records than memory holds wait in the journal alone, and arrive all the same', async () => {
  let isAway = true
  const flaky = new Proxy(database.store, {
    get: (store, name) => {
      if (isAway) throw new Error('connection refused')
      return Reflect.get(store, name)
    },
  })
  const meter = await meterOn(flaky, { maxPending: 3 })
  const requests = Array.from({ length: 20 }, request)
  await Promise.all(requests.map((one) => meter.open(one).settle(completed)))
  isAway = false
  await meter.close(patience())
  for (const one of requests) expect(await row(one.id)).toMatchObject({ outcome: 'completed' })
  expect(readFileSync(path, 'utf8')).toBe('')
})

test('a settlement acknowledged by a process that is then killed, database down, is counted after the restart; an open request is interrupted', async () => {
  const child = fork(new URL('testing/crashing-appliance.ts', import.meta.url), [path, CLOSED_PORT], { stdio: 'inherit' })
  const told = await new Promise<{ settled: string; open: string }>((resolve) => child.once('message', (ids) => resolve(ids as never)))
  const died = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await died

  for (let restart = 0; restart < 2; restart++) await (await meterOn(database.store)).close(patience())
  expect(await row(told.settled)).toMatchObject({ outcome: 'completed', promptTokens: 3, completionTokens: 5 })
  expect(await row(told.open)).toMatchObject({ outcome: 'interrupted', completionTokens: null })
})

test('a row that an earlier process left open in the database is settled as interrupted, one of this process is not', async () => {
  const earlier = request()
  await database.store.inferenceRequest.create({ data: { ...earlier, openedAt: new Date(Date.now() - 60_000) } })
  const meter = await meterOn(database.store)
  const own = request()
  meter.open(own)
  await expect.poll(() => row(earlier.id)).toMatchObject({ outcome: 'interrupted' })
  await expect.poll(() => row(own.id)).toMatchObject({ outcome: null })
  await meter.close(patience())
})
