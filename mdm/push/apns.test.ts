import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { createSecureServer, type Http2SecureServer, type Http2Session, type IncomingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import { BasicConstraintsExtension, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type ApnsCredentials, createApnsSender } from './apns.ts'
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
let credentials: ApnsCredentials
beforeEach(async () => {
  pushed = []
  answer = { status: 200, headers: { 'apns-id': 'ID-1' } }
  server = createSecureServer({
    cert: serverPem.certificate,
    key: serverPem.key,
    requestCert: true,
    ca: [oldPem.certificate, newPem.certificate],
  })
  server.on('stream', (stream, headers) => {
    let body = ''
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => {
      body += chunk
    })
    stream.on('error', () => {})
    stream.on('end', () => {
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
const sender = (options: { timeoutMs?: number } = {}) =>
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

  test.each([
    [410, { reason: 'Unregistered' }, { status: 'unregistered', reason: 'Unregistered' }],
    [400, { reason: 'BadDeviceToken' }, { status: 'unregistered', reason: 'BadDeviceToken' }],
    [400, { reason: 'DeviceTokenNotForTopic' }, { status: 'refused', httpStatus: 400, reason: 'DeviceTokenNotForTopic' }],
    [403, { reason: 'BadCertificate' }, { status: 'refused', httpStatus: 403, reason: 'BadCertificate' }],
    [429, { reason: 'TooManyRequests' }, { status: 'retry', reason: 'TooManyRequests', retryAfterMs: undefined }],
    [503, { reason: 'ServiceUnavailable' }, { status: 'retry', reason: 'ServiceUnavailable', retryAfterMs: undefined }],
    [500, undefined, { status: 'retry', reason: 'HTTP 500', retryAfterMs: undefined }],
  ])('answered with %i %o is told apart', async (status, body, result) => {
    answer = body === undefined ? { status } : { status, body }
    const apns = sender()
    expect(await apns.send(message)).toEqual(result)
    apns.close()
  })

  test('says when to come back', async () => {
    answer = { status: 429, headers: { 'retry-after': '30' } }
    const apns = sender()
    expect(await apns.send(message)).toMatchObject({ status: 'retry', retryAfterMs: 30_000 })
    apns.close()
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

describe('the topic', () => {
  test('is the UID of the push certificate', () => expect(topicOf(oldPem.certificate)).toBe(TOPIC))
  test('is missing from any other certificate', async () => {
    expect(topicOf(serverPem.certificate)).toBeUndefined()
    expect(topicOf((await selfSigned(`${UID}=com.example.app`)).certificate)).toBeUndefined()
    expect(topicOf('nonsense')).toBeUndefined()
  })
})
