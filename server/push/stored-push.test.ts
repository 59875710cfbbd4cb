import { generateKeyPairSync } from 'node:crypto'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createPushCertificates } from '../../test/software-mac/apple/push-certificates.ts'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { createPushAuthority, type PushPairOptions, TOPIC } from '../../test/support/push-certificates.ts'
import { createLog } from '../log.ts'
import { createSecretBox } from '../secrets.ts'
import { readPushCertificate } from './certificate.ts'
import { watchPushExpiry } from './expiry.ts'
import { installPushCertificate } from './installed-certificate.ts'
import { createStoredPush, type StoredPush } from './stored-push.ts'

const DAY_MS = 24 * 3600_000
const secrets = createSecretBox('a secret of thirty-two characters')
const authority = createPushAuthority()
const message = { token: Uint8Array.of(0xde, 0xad), pushMagic: 'MAGIC', topic: TOPIC }

let now: Date
let database: TestDatabase
let server: Http2SecureServer
let clients: { certificate: string; topic: unknown; body: string }[]
let push: StoredPush
const clock = { now: () => now }

beforeEach(async () => {
  now = new Date()
  database = await testDatabase()
  clients = []
  // Stands in for api.push.apple.com: nobody without a push certificate gets past its handshake.
  const { serverCertPem, serverKeyPem, caPem } = createPushCertificates(now)
  server = createSecureServer({ cert: serverCertPem, key: serverKeyPem, ca: authority.caPem, requestCert: true, rejectUnauthorized: true })
  server.on('sessionError', () => undefined)
  server.on('stream', (stream, headers) => {
    let body = ''
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk
    })
    stream.on('end', () => {
      const socket = stream.session?.socket
      const certificate = socket instanceof TLSSocket ? String(socket.getPeerCertificate().subject.CN) : ''
      clients.push({ certificate, topic: headers['apns-topic'], body })
      stream.respond({ ':status': 200, 'apns-id': 'ID' })
      stream.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `https://localhost:${(server.address() as AddressInfo).port}`
  push = createStoredPush({ store: database.store, secrets, clock }, { url, ca: caPem })
})

afterEach(async () => {
  push.sender.close()
  await new Promise((resolve) => server.close(resolve))
  await database.drop()
})

async function install(options: PushPairOptions = {}): Promise<Date> {
  const certificate = readPushCertificate(authority.issue(options).pem, { now })
  await installPushCertificate({ store: database.store, secrets, clock }, certificate)
  return certificate.notAfter
}

describe('pushing with the stored certificate', () => {
  test('is refused, and no Mac may be invited, until one is installed; then both work without a restart', async () => {
    expect(await push.sender.send(message)).toMatchObject({
      status: 'refused',
      httpStatus: 0,
      reason: 'no Apple push certificate is installed',
      scope: 'all',
    })
    await expect(push.requireReady()).rejects.toMatchObject({
      code: 'conflict',
      publicText: expect.stringContaining('espalier push import'),
    })
    expect(clients).toEqual([])
    await install({ commonName: 'first' })
    await push.requireReady()
    expect(await push.sender.send(message)).toEqual({ status: 'delivered', apnsId: 'ID' })
    expect(clients).toEqual([{ certificate: 'first', topic: TOPIC, body: '{"mdm":"MAGIC"}' }])
  })

  test('takes up a renewal, with another key, within seconds and without a restart', async () => {
    await install({ commonName: 'first' })
    await push.sender.send(message)
    await install({ commonName: 'renewed', key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey })
    now = new Date(now.getTime() + 3_000)
    await push.sender.send(message)
    expect(clients.map(({ certificate }) => certificate)).toEqual(['first', 'renewed'])
  })

  test('asks the database once in a while, not at every push', async () => {
    await install()
    let reads = 0
    const counting = database.store.$extends({
      query: {
        wrappedKey: {
          findUnique({ args, query }) {
            reads++
            return query(args)
          },
        },
      },
    })
    const counted = createStoredPush({ store: counting as unknown as typeof database.store, secrets, clock })
    await Promise.all(Array.from({ length: 20 }, () => counted.current()))
    expect(reads).toBe(1)
    now = new Date(now.getTime() + 3_000)
    await counted.current()
    expect(reads).toBe(2)
  })

  test('stops with the certificate’s last day, and so do invitations', async () => {
    now = await install()
    const reason = `Apple’s push certificate expired on ${now.toISOString().slice(0, 10)}`
    expect(await push.sender.send(message)).toMatchObject({ status: 'refused', httpStatus: 0, reason })
    await expect(push.requireReady()).rejects.toMatchObject({ code: 'conflict', publicText: expect.stringContaining(reason) })
    expect(clients).toEqual([])
  })
})

describe('the expiry of the push certificate', () => {
  async function watch(): Promise<{ lines: { level: string; msg: string }[]; expires: () => Promise<number> }> {
    const lines: { level: string; msg: string }[] = []
    const log = createLog('info', { write: (line: string) => void lines.push(JSON.parse(line)) })
    const metrics = new Registry()
    await watchPushExpiry({ push, metrics, clock, log })
    const expires = async () => Number(/^espalier_push_certificate_expires_timestamp_seconds (\S+)$/m.exec(await metrics.metrics())?.[1])
    return { lines, expires }
  }

  test('is 0 and a warning while none is installed, and a gauge from then on', async () => {
    const { lines, expires } = await watch()
    expect(lines).toMatchObject([{ level: 'warn', msg: expect.stringContaining('no Apple push certificate is installed') }])
    expect(await expires()).toBe(0)
    const notAfter = await install()
    expect(await expires()).toBe(notAfter.getTime() / 1000)
  })

  test.each([
    [40, []],
    [29.5, [{ level: 'warn', msg: expect.stringContaining('expires soon'), days: 29 }]],
    [-0.5, [{ level: 'error', msg: expect.stringContaining('has expired') }]],
  ])('said %f days ahead at the start', async (days, expected) => {
    const notAfter = await install()
    now = new Date(notAfter.getTime() - days * DAY_MS)
    expect((await watch()).lines).toMatchObject(expected)
  })
})
