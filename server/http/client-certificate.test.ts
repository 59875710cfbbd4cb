import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { FastifyInstance } from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import { makeTestCertificates } from '../../test/support/client-certificates.ts'
import { trustedProxies } from '../trusted-proxies.ts'
import { type ClientCertificateSource, clientCertificateFrom } from './client-certificate.ts'
import { createApp } from './create-app.ts'

const made = makeTestCertificates()
const HEADER = { from: 'header', name: 'x-client-cert' } as const

/** What is learned of a request that came over a real socket. */
async function learned(
  headers: Record<string, string | string[]>,
  options: { source?: ClientCertificateSource; proxies?: string[] } = {},
): Promise<Uint8Array | undefined> {
  const of = clientCertificateFrom(options.source ?? HEADER, trustedProxies(options.proxies ?? ['127.0.0.1']))
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const seen = once(server, 'request') as Promise<[IncomingMessage]>
  const { port } = server.address() as { port: number }
  httpRequest({ port, host: '127.0.0.1', headers })
    .on('error', () => undefined)
    .end()
  const [incoming] = await seen
  const certificate = of(incoming)
  server.closeAllConnections()
  server.close()
  return certificate
}

describe('a proxy’s header', () => {
  const escaped = encodeURIComponent(made.client.pem)

  test('is believed from a trusted proxy, as URL-encoded PEM and as RFC 9440 has it', async () => {
    expect(await learned({ 'x-client-cert': escaped })).toEqual(made.client.der)
    expect(await learned({ 'x-client-cert': `:${Buffer.from(made.client.der).toString('base64')}:` })).toEqual(made.client.der)
  })

  test('means nothing from anybody else, whatever X-Forwarded-For says', async () => {
    expect(await learned({ 'x-client-cert': escaped }, { proxies: ['192.0.2.1'] })).toBeUndefined()
    expect(await learned({ 'x-client-cert': escaped, 'x-forwarded-for': '192.0.2.1' }, { proxies: ['192.0.2.1'] })).toBeUndefined()
  })

  test('means nothing under another name, or where none is configured', async () => {
    expect(await learned({ 'x-other': escaped })).toBeUndefined()
    expect(await learned({ 'x-client-cert': escaped }, { source: { from: 'nowhere' } })).toBeUndefined()
    expect(await learned({ 'x-client-cert': escaped }, { source: { from: 'listener' } })).toBeUndefined()
  })

  test('that comes twice, or cannot be read, is a certificate that nobody has', async () => {
    for (const value of [[escaped, escaped], 'nonsense', ':AAAA:', '%', 'x'.repeat(17_000).slice(0, 12_000)]) {
      expect(await learned({ 'x-client-cert': value })).toEqual(new Uint8Array())
    }
  })

  test('that is empty is none', async () => expect(await learned({ 'x-client-cert': '' })).toBeUndefined())
})

describe('our own TLS', () => {
  let app: FastifyInstance | undefined
  afterEach(async () => app?.close())

  async function ask(client?: { pem: string; keyPem: string }, source: ClientCertificateSource = { from: 'listener' }): Promise<string> {
    const of = clientCertificateFrom(source, () => true)
    const tls = { cert: Buffer.from(made.server.pem), key: Buffer.from(made.server.keyPem), clientCa: made.ca.pem }
    app = createApp({ tls, isTrustedProxy: () => false })
    app.get('/', async ({ raw }) => Buffer.from(of(raw) ?? []).toString('hex') || 'none')
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as { port: number }
    const identity = client === undefined ? {} : { cert: client.pem, key: client.keyPem }
    return new Promise((resolve, reject) => {
      const sent = httpsRequest({ port, host: '127.0.0.1', rejectUnauthorized: false, ...identity }, async (reply) => {
        let text = ''
        for await (const part of reply) text += part
        resolve(text)
      })
      sent.on('error', reject).end()
    })
  }

  test('asks for a certificate, and learns the one that was proved', async () => {
    expect(await ask(made.client)).toBe(Buffer.from(made.client.der).toString('hex'))
  })
  test('serves whoever has none', async () => expect(await ask()).toBe('none'))
  test('learns one of another CA as well: who issued it is judged with the signature', async () => {
    expect(await ask(made.stranger)).toBe(Buffer.from(made.stranger.der).toString('hex'))
  })
  test('is not asked about where the source is another', async () => expect(await ask(made.client, { from: 'nowhere' })).toBe('none'))
})
