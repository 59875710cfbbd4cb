import { createServer as createPlainServer } from 'node:http'
import { createServer, type Server } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import Fastify from 'fastify'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { setupEchoRoutes } from '../http/setup-echo.ts'
import { createEcho, type Echo } from './echo.ts'
import { lookAtPublicAddress } from './public-address.ts'
import { type Authority, createAuthority, type Issued } from './testing/authority.ts'

/** A real server behind real TLS, asked as a Mac would ask it. */
const clock = { now: () => new Date() }
let root: Authority
let stranger: Authority
let sound: Issued
const closing: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  root = await createAuthority('root')
  stranger = await createAuthority('stranger')
  sound = await root.issue({ name: 'localhost', hosts: ['localhost'] })
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function serve(options: {
  tls?: Issued
  chain?: string
  echo?: Echo
  answer?: (url: string) => { status: number; headers?: object }
}) {
  const { tls = sound, chain = '', echo, answer } = options
  const app = Fastify({ https: { cert: tls.certificatePem + chain, key: tls.keyPem } })
  if (answer !== undefined) {
    app.get('/*', (request, reply) => {
      const { status, headers = {} } = answer(request.url)
      return reply.code(status).headers(headers).send('x')
    })
  } else if (echo !== undefined) await app.register(setupEchoRoutes, echo)
  await app.listen({ port: 0, host: '127.0.0.1' })
  closing.push(() => app.close())
  return (app.server.address() as AddressInfo).port
}

const look = (port: number, options: { echo?: Echo; company?: Authority[]; publicly?: Authority[]; host?: string } = {}) =>
  lookAtPublicAddress({
    publicUrl: `https://${options.host ?? 'localhost'}:${port}`,
    clock,
    echo: options.echo ?? createEcho(clock),
    companyAnchors: async () => (options.company ?? []).map(({ certificatePem }) => certificatePem),
    publicAnchors: (options.publicly ?? [root]).map(({ certificatePem }) => certificatePem),
  })

test('the appliance finds itself, under a certificate that everybody trusts', async () => {
  const echo = createEcho(clock)
  const facts = await look(await serve({ echo }), { echo })
  expect(facts).toMatchObject({ fault: null, certificate: { trust: 'public', namesHost: true, chainFault: null } })
  expect(facts.addresses).toContain('127.0.0.1')
})

test('another appliance at the address is noticed, although it is one', async () => {
  const facts = await look(await serve({ echo: createEcho(clock) }))
  expect(facts.fault).toEqual({ code: 'other_server', detail: 'HTTP 404' })
})

test('a server that answers everything is noticed, and so is one that leads elsewhere', async () => {
  expect((await look(await serve({ answer: () => ({ status: 200 }) }))).fault).toEqual({ code: 'other_server', detail: 'HTTP 200' })
  const elsewhere = await look(await serve({ answer: () => ({ status: 302, headers: { location: 'https://sso.example/' } }) }))
  expect(elsewhere.fault).toEqual({ code: 'redirected', detail: 'https://sso.example/' })
})

test('a certificate under the company’s authority is told from one that nobody here knows', async () => {
  const echo = createEcho(clock)
  const port = await serve({ echo })
  expect((await look(port, { echo, publicly: [stranger], company: [root] })).certificate?.trust).toBe('company')
  expect((await look(port, { echo, publicly: [stranger], company: [stranger] })).certificate).toMatchObject({ trust: 'private' })
  expect((await look(port, { echo, publicly: [stranger] })).certificate?.trust).toBe('private')
})

test('a missing intermediate is no chain, and one that is there is', async () => {
  const intermediate = await root.authority('intermediate')
  const leaf = await intermediate.issue({ name: 'localhost', hosts: ['localhost'] })
  expect((await look(await serve({ tls: leaf }))).certificate).toMatchObject({
    trust: 'private',
    chainFault: expect.stringMatching(/^UNABLE_TO/),
  })
  expect((await look(await serve({ tls: leaf, chain: intermediate.certificatePem }))).certificate?.trust).toBe('public')
})

test('an expired certificate, one that vouches for itself and one for another host are each told', async () => {
  const past = { notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01') }
  const expired = await root.issue({ name: 'localhost', hosts: ['localhost'], ...past })
  expect((await look(await serve({ tls: expired }))).certificate).toMatchObject({ trust: 'broken', chainFault: 'CERT_HAS_EXPIRED' })
  const own = await createAuthority('localhost', { hosts: ['localhost'] })
  expect((await look(await serve({ tls: own }))).certificate).toMatchObject({ trust: 'broken', chainFault: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  const other = await root.issue({ name: 'other', hosts: ['other.example'] })
  expect((await look(await serve({ tls: other }))).certificate).toMatchObject({
    trust: 'public',
    namesHost: false,
    names: 'DNS:other.example',
  })
})

test('nothing there, no TLS there, no name and no answer are each told', async () => {
  const port = await new Promise<number>((resolve) => {
    const server = createTcpServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address() as AddressInfo
      server.close(() => resolve(free))
    })
  })
  expect((await look(port)).fault?.code).toBe('refused')
  const plain = createPlainServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => plain.once('listening', resolve))
  closing.push(async () => plain.close())
  expect((await look((plain.address() as AddressInfo).port)).fault?.code).toBe('no_tls')
  expect((await look(443, { host: 'nobody.invalid' })).fault).toEqual({ code: 'no_address', detail: 'nobody.invalid' })
})

test('an endless answer is cut off', async () => {
  const server: Server = createServer({ cert: sound.certificatePem, key: sound.keyPem }, (_request, response) => {
    response.writeHead(200)
    response.write('x'.repeat(4096))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  closing.push(async () => {
    server.closeAllConnections()
    server.close()
  })
  expect((await look((server.address() as AddressInfo).port)).fault).toEqual({ code: 'other_server', detail: 'another page' })
})

test('a question is answered once, for half a minute, and only the newest are kept', () => {
  let now = 0
  const echo = createEcho({ now: () => new Date(now) })
  const { question, answer } = echo.ask()
  expect(echo.answer(question)).toBe(answer)
  expect(echo.answer(question)).toBeUndefined()
  const late = echo.ask()
  now = 30_000
  expect(echo.answer(late.question)).toBeUndefined()
  const first = echo.ask()
  for (let index = 0; index < 32; index++) echo.ask()
  expect(echo.answer(first.question)).toBeUndefined()
})
