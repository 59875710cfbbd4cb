import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Notification } from './courier.ts'
import type { PushCertificates } from './push-certificates.ts'
import type { PushToken } from './register.ts'

export type Refusal = { status: number; reason: string; timestamp?: number }

type Deps = {
  push: PushCertificates
  findToken: (token: string) => PushToken | undefined
  deliver: (serial: string, notification: Notification) => void
  now: () => Date
}

/** Apple: "Sending notification requests to APNs" and "Handling notification responses from APNs". */
const MAX_PAYLOAD_BYTES = 4096
const PUSHES_PER_TOKEN = 100
const WINDOW_MS = 10_000
/** Without apns-expiration a notification is kept; 30 days is Apple's longest. */
const DEFAULT_STORE_MS = 30 * 24 * 3600_000
const PUSH_TYPES = new Set(['alert', 'background', 'location', 'voip', 'complication', 'fileprovider', 'mdm', 'liveactivity', 'pushtotalk'])

/** A real HTTP/2 server with TLS; whoever shows no client certificate is told so in APNs' words, not cut off. */
export function createApns(deps: Deps): { server: Http2SecureServer; close(): void } {
  const countRecent = createRateWindow(deps.now)
  const sessions = new Set<ServerHttp2Session>()
  const server = createSecureServer({
    key: deps.push.serverKeyPem,
    cert: deps.push.serverCertPem,
    ca: deps.push.caPem,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
  })
  server.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
    session.on('error', () => session.destroy())
  })
  server.on('sessionError', () => {}) // the session is destroyed above
  server.on('stream', (stream, headers) => {
    stream.on('error', () => stream.destroy())
    void answer(stream, headers).catch(() => stream.destroy())
  })

  async function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const id = String(headers['apns-id'] ?? randomUUID())
    const refusal = refuse({ headers, body: await readBody(stream), certificateTopic: topicOf(stream), ...deps, countRecent })
    if ('notification' in refusal) {
      deps.deliver(refusal.serial, refusal.notification)
      stream.respond({ ':status': 200, 'apns-id': id })
      stream.end()
      return
    }
    const { status, ...body } = refusal
    // A token is asked too often: its window is over by then.
    const later = status === 429 ? { 'retry-after': String(WINDOW_MS / 1000) } : {}
    stream.respond({ ':status': status, 'apns-id': id, 'content-type': 'application/json', ...later })
    stream.end(JSON.stringify(body))
  }
  return {
    server,
    close() {
      for (const session of sessions) session.destroy()
    },
  }
}

type Judged = Refusal | { serial: string; notification: Notification }

/** APNs checks in about this order; the first fault is the answer. */
function refuse(options: {
  headers: IncomingHttpHeaders
  body: Uint8Array | 'too_large'
  /** The client certificate's topic; `none` without a certificate, `bad` for one that we did not issue. */
  certificateTopic: { topic: string } | 'none' | 'bad'
  findToken: (token: string) => PushToken | undefined
  countRecent: (token: string) => number
  now: () => Date
}): Judged {
  const { headers, body, certificateTopic } = options
  if (certificateTopic === 'none') return { status: 403, reason: 'MissingProviderToken' }
  if (certificateTopic === 'bad') return { status: 403, reason: 'BadCertificate' }
  if (headers[':method'] !== 'POST') return { status: 405, reason: 'MethodNotAllowed' }
  const token = /^\/3\/device\/([^/?]*)$/.exec(String(headers[':path']))?.[1]
  if (token === undefined) return { status: 404, reason: 'BadPath' }
  if (token === '') return { status: 400, reason: 'MissingDeviceToken' }
  const topic = headers['apns-topic']
  if (topic === undefined) return { status: 400, reason: 'MissingTopic' }
  if (topic !== certificateTopic.topic) return { status: 400, reason: 'TopicDisallowed' }
  const type = headers['apns-push-type']
  if (type !== undefined && !PUSH_TYPES.has(String(type))) return { status: 400, reason: 'InvalidPushType' }
  if (type !== 'mdm') return { status: 400, reason: 'InvalidPushType' } // an MDM certificate can send no other
  if (!['1', '5', '10', undefined].includes(headers['apns-priority'] as string | undefined)) return { status: 400, reason: 'BadPriority' }
  const expiration = headers['apns-expiration']
  if (expiration !== undefined && !/^\d{1,12}$/.test(String(expiration))) return { status: 400, reason: 'BadExpirationDate' }
  if (body === 'too_large') return { status: 413, reason: 'PayloadTooLarge' }
  const magic = magicOf(body)
  if (magic === undefined) return { status: 400, reason: 'PayloadEmpty' }
  return toToken({ ...options, token, topic: String(topic), magic, expiration: expiration === undefined ? undefined : Number(expiration) })
}

function toToken(options: {
  token: string
  topic: string
  magic: string
  expiration: number | undefined
  findToken: (token: string) => PushToken | undefined
  countRecent: (token: string) => number
  now: () => Date
}): Judged {
  const { token, topic, magic, expiration } = options
  if (!/^[0-9a-fA-F]{64,200}$/.test(token)) return { status: 400, reason: 'BadDeviceToken' }
  const known = options.findToken(token.toLowerCase())
  if (known === undefined) return { status: 400, reason: 'BadDeviceToken' }
  if (known.topic !== topic) return { status: 400, reason: 'DeviceTokenNotForTopic' }
  if (!known.isActive) return { status: 410, reason: 'Unregistered', timestamp: known.endedAt ?? 0 }
  if (options.countRecent(token.toLowerCase()) > PUSHES_PER_TOKEN) return { status: 429, reason: 'TooManyRequests' }
  const expiresAt = expiration === undefined ? options.now().getTime() + DEFAULT_STORE_MS : expiration * 1000
  return { serial: known.serial, notification: { token: token.toLowerCase(), topic, magic, expiresAt } }
}

/** Nothing but {"mdm": PushMagic}: Apple, "Sending MDM push notifications". */
function magicOf(body: Uint8Array): string | undefined {
  try {
    const payload: unknown = JSON.parse(Buffer.from(body).toString())
    const magic = (payload as { mdm?: unknown } | null)?.mdm
    return typeof magic === 'string' && magic !== '' ? magic : undefined
  } catch {
    return undefined
  }
}

function topicOf(stream: ServerHttp2Stream): { topic: string } | 'none' | 'bad' {
  const socket = stream.session?.socket as TLSSocket | undefined
  const subject = socket?.getPeerCertificate()?.subject as { UID?: string } | undefined
  if (socket === undefined || subject === undefined) return 'none'
  return socket.authorized && typeof subject.UID === 'string' ? { topic: subject.UID } : 'bad'
}

async function readBody(stream: ServerHttp2Stream): Promise<Uint8Array | 'too_large'> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of stream as AsyncIterable<Buffer>) {
    length += part.length
    if (length <= MAX_PAYLOAD_BYTES) parts.push(part)
  }
  return length > MAX_PAYLOAD_BYTES ? 'too_large' : Buffer.concat(parts)
}

/** Requests of one token in the present window; all windows begin anew together, so the map stays small. */
function createRateWindow(now: () => Date): (token: string) => number {
  let startedAt = 0
  let counts = new Map<string, number>()
  return (token) => {
    if (now().getTime() - startedAt > WINDOW_MS) {
      startedAt = now().getTime()
      counts = new Map()
    }
    const count = (counts.get(token) ?? 0) + 1
    counts.set(token, count)
    return count
  }
}
