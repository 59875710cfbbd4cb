import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import { BasicConstraintsExtension, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type ApnsCredentials, type ApnsOptions, createApnsSender } from './apns.ts'
import { topicOf } from './topic.ts'

const TOPIC = 'com.apple.mgmt.External.0b5e'
const UID = '0.9.2342.19200300.100.1.1'

type Pem = { certificate: string; key: string }
type Pushed = { headers: IncomingHttpHeaders; body: string; client: string }

async function selfSigned(subject: string, host?: string): Promise<Pem> {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  const names = host === undefined ? [] : [new SubjectAlternativeNameExtension([{ type: 'dns', value: host }])]
  const extensions = [new BasicConstraintsExtension(true, undefined, true), ...names]
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: subject,
    keys,
    extensions,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  })
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  return { certificate: certificate.toString('pem'), key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n` }
}

let serverPem: Pem
let oldPem: Pem
let newPem: Pem
beforeAll(async () => {
  serverPem = await selfSigned('CN=localhost', 'localhost')
  oldPem = await selfSigned(`${UID}=${TOPIC}, CN=old`)
  newPem = await selfSigned(`${UID}=${TOPIC}, CN=new`)
})

let server: Http2SecureServer
let pushed: Pushed[]
let answer: { status: number; body?: object; headers?: Record<string, string> } | 'silence'
/** How many streams the server works on at this moment, and did at most. */
let underWay: number
let mostUnderWay: number
let sessions: ServerHttp2Session[]
/** Called before a push is answered. */
let before: (stream: ServerHttp2Stream) => Promise<'answer' | 'leave'>
let credentials: ApnsCredentials
beforeEach(async () => {
  pushed = []
  sessions = []
  underWay = 0
  mostUnderWay = 0
  before = async () => 'answer'
  answer = { status: 200, headers: { 'apns-id': 'ID-1' } }
  server = createSecureServer({
    cert: serverPem.certificate,
    key: serverPem.key,
    // Nobody without a push certificate gets past the handshake.
    requestCert: true,
    rejectUnauthorized: true,
    ca: [oldPem.certificate, newPem.certificate],
  })
  server.on('session', (session) => void sessions.push(session))
  server.on('sessionError', () => undefined)
  server.on('stream', (stream, headers) => {
    let body = ''
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => {
      body += chunk
    })
    stream.on('error', () => {})
    stream.on('close', () => {
      underWay--
    })
    underWay++
    mostUnderWay = Math.max(mostUnderWay, underWay)
    stream.on('end', async () => {
      if ((await before(stream)) === 'leave' || stream.destroyed) return
      pushed.push({ headers, body, client: clientName(stream.session) })
      if (answer === 'silence') return
      stream.respond({ ':status': answer.status, ...answer.headers })
      stream.end(answer.body === undefined ? '' : JSON.stringify(answer.body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `https://localhost:${(server.address() as AddressInfo).port}`
  credentials = { url, ca: serverPem.certificate, certificate: oldPem.certificate, key: oldPem.key }
})
afterEach(() => void server.close())

/** The common name of the certificate that the connection came with. */
function clientName(session: Http2Session | undefined): string {
  const socket = session?.socket
  return socket instanceof TLSSocket ? String(socket.getPeerCertificate().subject.CN) : ''
}

const message = { token: Uint8Array.of(0xde, 0xad), pushMagic: 'MAGIC', topic: TOPIC }
const sender = (options: ApnsOptions = {}) =>
  createApnsSender(() => credentials, { now: () => new Date('2026-11-02T09:00:00Z'), ...options })

describe('a push', () => {
  test('is what Apple asks for, under the push certificate', async () => {
    const apns = sender()
    expect(await apns.send(message)).toEqual({ status: 'delivered', apnsId: 'ID-1' })
    expect(pushed[0]).toMatchObject({
      body: '{"mdm":"MAGIC"}',
      client: 'old',
      headers: {
        ':method': 'POST',
        ':path': '/3/device/dead',
        'apns-topic': TOPIC,
        'apns-push-type': 'mdm',
        'apns-priority': '10',
        'apns-expiration': String(Date.parse('2026-11-03T09:00:00Z') / 1000),
      },
    })
    apns.close()
  })

  test('goes out under a renewed certificate without a restart', async () => {
    const apns = sender()
    await apns.send(message)
    await apns.send(message)
    credentials = { ...credentials, certificate: newPem.certificate, key: newPem.key }
    await apns.send(message)
    expect(pushed.map(({ client }) => client)).toEqual(['old', 'old', 'new'])
    apns.close()
  })

  const retry = (reason: string, scope: 'mac' | 'all') => ({ status: 'retry', reason, retryAfterMs: undefined, scope })
  const refused = (httpStatus: number, reason: string, scope: 'mac' | 'all' = 'all') => ({ status: 'refused', httpStatus, reason, scope })
  const dead = (reason: string) => ({ status: 'unregistered', reason })

  // Apple: "Handling notification responses from APNs", every status and reason of its two tables.
  test.each([
    [400, 'BadCollapseId', refused(400, 'BadCollapseId')],
    [400, 'BadDeviceToken', dead('BadDeviceToken')],
    [400, 'BadExpirationDate', refused(400, 'BadExpirationDate')],
    [400, 'BadMessageId', refused(400, 'BadMessageId')],
    [400, 'BadPriority', refused(400, 'BadPriority')],
    [400, 'BadTopic', refused(400, 'BadTopic')],
    [400, 'DeviceTokenNotForTopic', refused(400, 'DeviceTokenNotForTopic', 'mac')],
    [400, 'DuplicateHeaders', refused(400, 'DuplicateHeaders')],
    [400, 'IdleTimeout', retry('IdleTimeout', 'mac')],
    [400, 'InvalidPushType', refused(400, 'InvalidPushType')],
    [400, 'MissingDeviceToken', refused(400, 'MissingDeviceToken', 'mac')],
    [400, 'MissingTopic', refused(400, 'MissingTopic')],
    [400, 'PayloadEmpty', refused(400, 'PayloadEmpty', 'mac')],
    [400, 'TopicDisallowed', refused(400, 'TopicDisallowed')],
    [403, 'BadCertificate', refused(403, 'BadCertificate')],
    [403, 'BadCertificateEnvironment', refused(403, 'BadCertificateEnvironment')],
    [403, 'ExpiredProviderToken', refused(403, 'ExpiredProviderToken')],
    [403, 'Forbidden', refused(403, 'Forbidden')],
    [403, 'InvalidProviderToken', refused(403, 'InvalidProviderToken')],
    [403, 'MissingProviderToken', refused(403, 'MissingProviderToken')],
    [404, 'BadPath', refused(404, 'BadPath')],
    [405, 'MethodNotAllowed', refused(405, 'MethodNotAllowed')],
    [410, 'ExpiredToken', dead('ExpiredToken')],
    [410, 'Unregistered', dead('Unregistered')],
    [413, 'PayloadTooLarge', refused(413, 'PayloadTooLarge', 'mac')],
    [429, 'TooManyProviderTokenUpdates', retry('TooManyProviderTokenUpdates', 'all')],
    [429, 'TooManyRequests', retry('TooManyRequests', 'mac')],
    [500, 'InternalServerError', retry('InternalServerError', 'all')],
    [503, 'ServiceUnavailable', retry('ServiceUnavailable', 'all')],
    [503, 'Shutdown', retry('Shutdown', 'all')],
    [500, undefined, retry('HTTP 500', 'all')],
    [418, undefined, refused(418, 'HTTP 418')],
  ])('answered with %i %s is told apart', async (status, reason, result) => {
    answer = reason === undefined ? { status } : { status, body: { reason } }
    const apns = sender()
    expect(await apns.send(message)).toEqual(result)
    apns.close()
  })

  test.each([
    ['30', 30_000],
    ['Mon, 02 Nov 2026 09:00:45 GMT', 45_000],
    ['Mon, 02 Nov 2026 08:00:00 GMT', 0],
    ['999999999', 3600_000],
    ['soon', undefined],
    ['', undefined],
  ])('says when to come back: Retry-After “%s”', async (value, retryAfterMs) => {
    for (const status of [429, 503]) {
      answer = { status, headers: { 'retry-after': value } }
      const apns = sender()
      expect(await apns.send(message)).toMatchObject({ status: 'retry', retryAfterMs })
      apns.close()
    }
  })

  test('that nobody answers ends with its time', async () => {
    answer = 'silence'
    const apns = sender({ timeoutMs: 100 })
    expect(await apns.send(message)).toMatchObject({ status: 'retry', reason: 'no answer in time' })
    apns.close()
  })

  test('is not sent to a server that the roots do not vouch for', async () => {
    const { ca: _, ...withoutRoot } = credentials
    credentials = withoutRoot
    const apns = sender({ timeoutMs: 2000 })
    expect(await apns.send(message)).toMatchObject({ status: 'retry' })
    expect(pushed).toEqual([])
    apns.close()
  })

  test('to a server that is away is tried again by whoever asked, and then arrives', async () => {
    const apns = sender()
    const url = credentials.url ?? ''
    credentials = { ...credentials, url: 'https://localhost:1' }
    expect(await apns.send(message)).toMatchObject({ status: 'retry' })
    credentials = { ...credentials, url }
    expect(await apns.send(message)).toMatchObject({ status: 'delivered' })
    apns.close()
  })
})

const soon = (ms = 20) => new Promise((resolve) => setTimeout(resolve, ms))

describe('the connection', () => {
  test('is one for any number of pushes, and no more of them are under way than agreed', async () => {
    before = async () => soon(5).then(() => 'answer')
    const apns = sender({ concurrency: 4 })
    const results = await Promise.all(Array.from({ length: 40 }, () => apns.send(message)))
    expect(results.every(({ status }) => status === 'delivered')).toBe(true)
    expect([sessions.length, mostUnderWay, pushed.length]).toEqual([1, 4, 40])
    apns.close()
  })

  test('has a bound for those that wait; beyond it the answer is at once “later”', async () => {
    const apns = sender({ concurrency: 1, maxWaiting: 2 })
    const results = await Promise.all(Array.from({ length: 5 }, () => apns.send(message)))
    expect(results.map(({ status }) => status).toSorted()).toEqual(['delivered', 'delivered', 'delivered', 'retry', 'retry'])
    expect(await apns.send(message)).toMatchObject({ status: 'delivered' })
    apns.close()
  })

  test('is left in peace when Apple says GOAWAY: pushes under way end there, the next goes over another', async () => {
    const apns = sender()
    await apns.send(message)
    let release: (word: 'answer') => void = () => undefined
    before = () =>
      new Promise((resolve) => {
        release = resolve
      })
    const last = apns.send(message)
    await expect.poll(() => underWay).toBe(1)
    sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR)
    await soon()
    release('answer')
    before = async () => 'answer'
    expect(await last).toMatchObject({ status: 'delivered' })
    expect(await apns.send(message)).toMatchObject({ status: 'delivered' })
    expect([sessions.length, pushed.length]).toEqual([2, 3])
    apns.close()
  })

  test('that Apple leaves without having looked at a push carries that push over the next', async () => {
    const apns = sender()
    await apns.send(message)
    before = async (stream) => {
      before = async () => 'answer'
      // The first push had stream 1; this one, 3, lies beyond what the server says it has seen.
      stream.session?.goaway(constants.NGHTTP2_NO_ERROR, 1)
      return 'leave'
    }
    expect(await apns.send(message)).toMatchObject({ status: 'delivered' })
    expect([sessions.length, pushed.length]).toEqual([2, 2])
    apns.close()
  })

  test('that Apple refuses a stream on carries it once more, and only once', async () => {
    let refusals = 1
    before = async (stream) => {
      if (refusals-- <= 0) return 'answer'
      stream.close(constants.NGHTTP2_REFUSED_STREAM)
      return 'leave'
    }
    const apns = sender()
    expect(await apns.send(message)).toMatchObject({ status: 'delivered' })
    expect(pushed).toHaveLength(1)
    refusals = 2
    expect(await apns.send(message)).toMatchObject({ status: 'retry', scope: 'all' })
    expect(pushed).toHaveLength(1)
    apns.close()
  })

  test('that breaks in the middle of a push is not trusted with it again: it may have gone out', async () => {
    before = async (stream) => {
      stream.session?.destroy()
      return 'leave'
    }
    const apns = sender()
    expect(await apns.send(message)).toMatchObject({ status: 'retry', scope: 'all', isUncertain: true })
    expect(sessions).toHaveLength(1)
    apns.close()
  })

  test('that was never made leaves no doubt: nothing arrived', async () => {
    credentials = { ...credentials, url: 'https://localhost:1' }
    const apns = sender()
    expect(await apns.send(message)).not.toHaveProperty('isUncertain')
    apns.close()
  })

  test('that swallows pushes is replaced', async () => {
    answer = 'silence'
    const apns = sender({ timeoutMs: 60, backoff: { firstMs: 1, mostMs: 1 } })
    expect(await apns.send(message)).toMatchObject({ status: 'retry' })
    answer = { status: 200 }
    await soon()
    expect(await apns.send(message)).toMatchObject({ status: 'delivered' })
    expect(sessions).toHaveLength(2)
    apns.close()
  })

  test('that fails puts off the next, longer each time and with jitter, until somebody answers', async () => {
    const url = credentials.url ?? ''
    const port = Number(new URL(url).port)
    await new Promise((resolve) => server.close(resolve))
    let share = 0.5
    const apns = sender({ backoff: { firstMs: 40, mostMs: 1000 }, random: () => share })
    const waits: number[] = []
    for (let round = 0; round < 3; round++) {
      expect(await apns.send(message)).toMatchObject({ status: 'retry', scope: 'all' })
      const told = await apns.send(message)
      if (told.status !== 'retry' || told.retryAfterMs === undefined) throw new Error('no time to come back was given')
      waits.push(told.retryAfterMs)
      await soon(told.retryAfterMs + 5)
    }
    expect(waits[0]).toBeLessThanOrEqual(40)
    expect(waits[1]).toBeGreaterThan(waits[0] as number)
    expect(waits[2]).toBeGreaterThan(waits[1] as number)
    share = 0
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    await expect.poll(() => apns.send(message), { timeout: 3000 }).toMatchObject({ status: 'delivered' })
    apns.close()
  })

  test('without the push certificate gets nowhere, and is put off as well', async () => {
    const stranger = await selfSigned(`${UID}=${TOPIC}, CN=stranger`)
    credentials = { ...credentials, certificate: stranger.certificate, key: stranger.key }
    const apns = sender({ backoff: { firstMs: 5000, mostMs: 5000 } })
    expect(await apns.send(message)).toMatchObject({ status: 'retry', scope: 'all' })
    expect(await apns.send(message)).toMatchObject({ status: 'retry', reason: expect.stringContaining('waiting') })
    expect(pushed).toEqual([])
    apns.close()
  })
})

describe('the topic', () => {
  test('is the UID of the push certificate', () => expect(topicOf(oldPem.certificate)).toBe(TOPIC))
  test('is missing from any other certificate', async () => {
    expect(topicOf(serverPem.certificate)).toBeUndefined()
    expect(topicOf((await selfSigned(`${UID}=com.example.app`)).certificate)).toBeUndefined()
    expect(topicOf('nonsense')).toBeUndefined()
  })
})
