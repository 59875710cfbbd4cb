import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import type { RawReply, RawRequest } from '../../mdm/ports.ts'
import { mdmRoutes } from './mdm.ts'

let app: FastifyInstance | undefined
afterEach(async () => app?.close())

/** An MDM that only notes what it is handed: the adaptor's whole duty is to hand it over unchanged. */
async function listen(reply: Partial<RawReply> = {}): Promise<{ url: string; seen: (RawRequest & { handler: string })[] }> {
  const seen: (RawRequest & { handler: string })[] = []
  const handle = (handler: string) => async (request: RawRequest) => {
    seen.push({ ...request, handler })
    return { status: 200, headers: {}, body: new Uint8Array(), ...reply }
  }
  const mdm: Parameters<typeof mdmRoutes>[0] = {
    handleEnroll: handle('enroll'),
    handleAutomatedEnroll: handle('automated'),
    handleAcme: handle('acme'),
    handleScep: handle('scep'),
    handleCheckin: handle('checkin'),
    handleConnect: handle('connect'),
  }
  app = fastify()
  await app.register(mdmRoutes(mdm))
  app.post('/json', async (request) => request.body)
  return { url: await app.listen({ port: 0, host: '127.0.0.1' }), seen }
}

test.each([
  'application/x-apple-aspen-mdm',
  'application/json',
  'text/plain',
  'application/x-www-form-urlencoded',
  'application/x-unheard-of',
])('a body of type %s arrives byte for byte', async (type) => {
  const { url, seen } = await listen()
  const body = Uint8Array.of(0x7b, 0xff, 0x00, 0x0d, 0x0a)
  const headers = { 'content-type': type, 'mdm-signature': 'AAAA' }
  expect((await fetch(`${url}/mdm/connect?x=1`, { method: 'PUT', body, headers })).status).toBe(200)
  expect(seen[0]).toMatchObject({ handler: 'connect', method: 'PUT', path: '/mdm/connect', body })
  expect(seen[0]?.headers['mdm-signature']).toBe('AAAA')
})

test('every address reaches its handler, and the reply goes back as it is', async () => {
  const { url, seen } = await listen({
    status: 201,
    headers: { 'content-type': 'application/pem-certificate-chain' },
    body: Uint8Array.of(65),
  })
  await fetch(`${url}/enroll/abc`)
  await fetch(`${url}/acme/new-nonce`, { method: 'HEAD' })
  await fetch(`${url}/mdm/checkin`, { method: 'PUT', body: 'x' })
  const last = await fetch(`${url}/acme/order/1/finalize`, {
    method: 'POST',
    body: '{}',
    headers: { 'content-type': 'application/jose+json' },
  })
  expect(seen.map(({ handler, method, path }) => `${handler} ${method} ${path}`)).toEqual([
    'enroll GET /enroll/abc',
    'acme HEAD /acme/new-nonce',
    'checkin PUT /mdm/checkin',
    'acme POST /acme/order/1/finalize',
  ])
  expect([last.status, last.headers.get('content-type'), await last.text()]).toEqual([201, 'application/pem-certificate-chain', 'A'])
})

test('a body that is too large never reaches the handler', async () => {
  const { url, seen } = await listen()
  const put = (bytes: number) => fetch(`${url}/mdm/checkin`, { method: 'PUT', body: new Uint8Array(bytes) })
  expect((await put(1024 * 1024 + 1)).status).toBe(413)
  expect((await fetch(`${url}/acme/new-order`, { method: 'POST', body: new Uint8Array(64 * 1024 + 1) })).status).toBe(413)
  expect(seen).toEqual([])
  expect((await put(1024 * 1024)).status).toBe(200)
})

test('other routes of the same server keep their own parsers', async () => {
  const { url } = await listen()
  const answer = await fetch(`${url}/json`, { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } })
  expect(await answer.json()).toEqual({ a: 1 })
})
