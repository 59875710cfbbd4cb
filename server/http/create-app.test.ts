import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { createApp, type ReceiveLimits } from './create-app.ts'

/** Long, so that each test shortens the one limit that it is about. */
const PATIENT: ReceiveLimits = { headersMs: 20_000, requestMs: 20_000, keepAliveMs: 20_000, checkEveryMs: 20, maxConnections: 100 }

let app: FastifyInstance
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await app.close()
})

async function start(limits: Partial<ReceiveLimits>): Promise<void> {
  app = createApp({ tls: undefined, isTrustedProxy: () => false, limits: { ...PATIENT, ...limits } })
  app.post('/', async (request) => request.body)
  app.get('/ip', async (request) => request.ip)
  app.get<{ Params: { path: string } }>('/asked/:path', async (request) => request.params.path.length)
  app.get('/stream', (_, reply) => {
    const slowly = async function* () {
      for (let part = 0; part < 6; part++) {
        yield `${part}`
        await sleep(60)
      }
    }
    return reply.send(Readable.from(slowly()))
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
}

async function open(): Promise<Socket> {
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Everything that the server says until it hangs up. */
async function hear(socket: Socket): Promise<string> {
  let heard = ''
  for await (const chunk of socket) heard += String(chunk)
  return heard
}

const SLOW_BODY = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{'

test('a body that does not end in time is answered 408 and cut', async () => {
  await start({ requestMs: 100, headersMs: 100 })
  const socket = await open()
  socket.write(SLOW_BODY)
  expect(await hear(socket)).toMatch(/^HTTP\/1\.1 408 /)
})

test('headers that do not end in time are answered 408 and cut', async () => {
  await start({ headersMs: 100 })
  const socket = await open()
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n')
  expect(await hear(socket)).toMatch(/^HTTP\/1\.1 408 /)
})

test('an answer that streams for longer than a request may take is not cut', async () => {
  await start({ requestMs: 100, headersMs: 100 })
  const socket = await open()
  socket.write('GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  const heard = await hear(socket)
  expect(heard).toMatch(/^HTTP\/1\.1 200 /)
  expect(heard).toMatch(/0\r\n\r\n$/)
  expect(heard.match(/^\d$/gm)?.join('')).toMatch(/5/)
})

test('an idle connection is closed', async () => {
  await start({ keepAliveMs: 50 })
  const socket = await open()
  socket.write('GET /ip HTTP/1.1\r\nHost: x\r\n\r\n')
  expect(await hear(socket)).toMatch(/^HTTP\/1\.1 200 /)
})

test('one connection too many is cut at once', async () => {
  await start({ maxConnections: 1 })
  const first = await open()
  expect(await hear(await open())).toBe('')
  first.write('GET /ip HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  expect(await hear(first)).toMatch(/^HTTP\/1\.1 200 /)
})

test('the word of a proxy that is not trusted is not believed', async () => {
  await start({})
  const { body } = await app.inject({ url: '/ip', remoteAddress: '192.0.2.1', headers: { 'x-forwarded-for': '203.0.113.9' } })
  expect(body).toBe('192.0.2.1')
})

test('ten procedures asked in one address reach their place, and a longer list does not', async () => {
  await start({})
  const ask = async (names: number) => (await app.inject(`/asked/${Array(names).fill('p'.repeat(60)).join(',')}`)).statusCode
  expect([await ask(10), await ask(17)]).toEqual([200, 414])
})
