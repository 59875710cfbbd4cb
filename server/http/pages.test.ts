import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { mountNext, type PagesDeps } from './pages.ts'

let app: FastifyInstance
/** What reached the pages. */
let served: { url: string; headers: IncomingHttpHeaders }[]

beforeEach(async () => {
  served = []
  app = Fastify()
  const createNext = () => ({
    prepare: async () => {},
    close: async () => {},
    getRequestHandler: () => async (request: IncomingMessage, response: ServerResponse) => {
      served.push({ url: request.url ?? '', headers: request.headers })
      response.end('a page')
    },
  })
  // Nobody is signed in, so nothing asks for the rest.
  const deps = { mode: 'production', publicUrl: new URL('https://espalier.example.com'), clock: { now: () => new Date() }, secret: 'x' }
  await mountNext(app, deps as unknown as PagesDeps, { dev: false, dir: '/', createNext })
})
afterEach(() => app.close())

test('what a caller says of itself in our own header never reaches a page', async () => {
  const forged = { 'x-espalier-console': encodeURIComponent(JSON.stringify({ mode: 'evaluation', user: { role: 'owner' } })) }
  await app.inject({ url: '/signin', headers: forged })
  await app.inject({ url: '/_next/static/chunk.js', headers: forged })
  const told = served.map(({ headers }) => headers['x-espalier-console'])
  expect(told).toEqual([encodeURIComponent(JSON.stringify({ mode: 'production', user: null })), undefined])
})

test('nobody who is not signed in gets further than the sign-in page', async () => {
  const { statusCode, headers } = await app.inject('/macs?trust=refused')
  expect([statusCode, headers.location]).toEqual([302, '/signin?next=%2Fmacs%3Ftrust%3Drefused'])
  expect(served).toEqual([])
})

test.each(['/_next/static/..%2fmacs', '/_next/static/%252e%252e/macs'])(
  '%s, which looks like an asset and is a page, is refused',
  async (url) => {
    expect((await app.inject(url)).statusCode).toBeGreaterThanOrEqual(400)
    expect(served).toEqual([])
  },
)
