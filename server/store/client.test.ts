import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { createStore, type OpenStore } from './client.ts'

let database: TestDatabase | undefined
let open: OpenStore | undefined
let line: Line | undefined
afterEach(async () => {
  line?.cut()
  await open?.close()
  await database?.drop()
})

type Line = { url: string; freeze(): void; cut(): void }

/** A connection to the database that can fall silent without breaking, as a frozen host or a network that swallows packets does. */
async function lineTo(databaseUrl: string): Promise<Line> {
  const target = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname)
    for (const socket of [near, far]) socket.on('error', () => near.destroy()).on('close', () => [near, far].map((end) => end.destroy()))
    near.pipe(far)
    far.pipe(near)
    sockets.add(far)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    freeze: () => sockets.forEach((socket) => void socket.unpipe().pause()),
    cut: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

test('a database that falls silent ends in an error, for a statement and inside a transaction, and the pool recovers', async () => {
  database = await testDatabase()
  line = await lineTo(database.url)
  open = createStore(line.url, { answerTimeoutMs: 300, maxConnections: 2 })
  const { store } = open
  await Promise.all([store.$queryRaw`SELECT pg_sleep(0.1)::text`, store.$queryRaw`SELECT pg_sleep(0.1)::text`])
  line.freeze()
  const startedAt = performance.now()
  const silent = [store.$queryRaw`SELECT 1`, store.$transaction((tx) => tx.$queryRaw`SELECT 2`)]
  expect((await Promise.allSettled(silent)).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(performance.now() - startedAt).toBeLessThan(3000)
  expect(await store.$queryRaw`SELECT 3 AS n`).toEqual([{ n: 3 }])
})
