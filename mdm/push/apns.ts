import { createHash } from 'node:crypto'
import { type ClientHttp2Session, connect, constants } from 'node:http2'
import type { Push, PushResult } from '../ports.ts'

/** Apple's production server; MDM certificates know no other (reference §1.6). */
const APNS_URL = 'https://api.push.apple.com:443'

const DEFAULT_TIMEOUT_MS = 15_000
const IDLE_MS = 10 * 60_000
const MAX_IN_FLIGHT = 1000
const MAX_REPLY_BYTES = 4096
/** A Mac that sleeps through a day is told when it wakes. */
const EXPIRATION_SECONDS = 24 * 3600

export type ApnsCredentials = {
  /** Apple's own server otherwise. */
  url?: string
  /** PEM; Node's own roots otherwise. */
  ca?: string
  /** PEM, the MDM push certificate. */
  certificate: string
  /** PEM */
  key: string
}

type Message = Parameters<Push['send']>[0]
type Connection = { fingerprint: string; session: ClientHttp2Session }

/**
 * MDM push over HTTP/2 (Apple: "Sending push notifications … to APNs", push type `mdm`). The credentials are asked for at each
 * push, so that a renewed certificate is taken up without a restart: one connection is kept, and replaced when they change.
 */
export function createApnsSender(
  credentials: () => ApnsCredentials | Promise<ApnsCredentials>,
  options: { timeoutMs?: number; now?: () => Date } = {},
): Push & { close(): void } {
  const now = options.now ?? (() => new Date())
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  let connection: Connection | undefined
  let inFlight = 0
  const send = async (message: Message): Promise<PushResult> => {
    if (inFlight >= MAX_IN_FLIGHT) return { status: 'retry', reason: 'too many pushes under way', retryAfterMs: 1000 }
    inFlight++
    try {
      connection = currentConnection(await credentials(), connection)
      const expiration = Math.floor(now().getTime() / 1000) + EXPIRATION_SECONDS
      return toResult(await post(connection.session, { message, expiration, timeoutMs }))
    } catch (error) {
      return { status: 'retry', reason: error instanceof Error ? error.message : 'no connection', retryAfterMs: undefined }
    } finally {
      inFlight--
    }
  }
  return { send, close: () => connection?.session.destroy() }
}

function currentConnection(credentials: ApnsCredentials, existing: Connection | undefined): Connection {
  const { url = APNS_URL, ca, certificate, key } = credentials
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([url, ca, certificate, key]))
    .digest('hex')
  const isUsable = existing !== undefined && !existing.session.closed && !existing.session.destroyed
  if (isUsable && existing.fingerprint === fingerprint) return existing
  if (isUsable) existing.session.close()
  const session = connect(url, { cert: certificate, key, minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) })
  // Each push hears of the failure through its own stream; without a listener it would end the process.
  session.on('error', () => session.destroy())
  session.on('goaway', () => session.close())
  session.setTimeout(IDLE_MS, () => session.close())
  session.unref()
  return { fingerprint, session }
}

type Answer = { httpStatus: number; reason: string; apnsId: string | undefined; retryAfterMs: number | undefined }

function post(session: ClientHttp2Session, options: { message: Message; expiration: number; timeoutMs: number }): Promise<Answer> {
  const { message, expiration, timeoutMs } = options
  return new Promise((resolve, reject) => {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: `/3/device/${Buffer.from(message.token).toString('hex')}`,
      'apns-topic': message.topic,
      'apns-push-type': 'mdm',
      'apns-priority': '10',
      'apns-expiration': String(expiration),
    })
    const timer = setTimeout(() => stream.destroy(new Error('no answer in time')), timeoutMs)
    let headers: Record<string, unknown> = {}
    let body = ''
    stream.setEncoding('utf8')
    stream.on('response', (received) => {
      headers = received
    })
    stream.on('data', (chunk: string) => {
      body = (body + chunk).slice(0, MAX_REPLY_BYTES)
    })
    stream.on('error', reject)
    stream.on('close', () => {
      clearTimeout(timer)
      if (headers[':status'] === undefined) reject(new Error('the connection broke'))
      else resolve(readAnswer(headers, body))
    })
    stream.end(JSON.stringify({ mdm: message.pushMagic }))
  })
}

function readAnswer(headers: Record<string, unknown>, body: string): Answer {
  const apnsId = headers['apns-id']
  const seconds = Number(headers['retry-after'])
  return {
    httpStatus: Number(headers[':status']),
    reason: readReason(body),
    apnsId: typeof apnsId === 'string' ? apnsId : undefined,
    retryAfterMs: Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined,
  }
}

function readReason(body: string): string {
  try {
    const { reason } = JSON.parse(body) as { reason?: unknown }
    return typeof reason === 'string' ? reason : ''
  } catch {
    return ''
  }
}

function toResult({ httpStatus, reason, apnsId, retryAfterMs }: Answer): PushResult {
  if (httpStatus === 200) return { status: 'delivered', apnsId }
  if (httpStatus === 410 || (httpStatus === 400 && reason === 'BadDeviceToken')) return { status: 'unregistered', reason }
  if (httpStatus === 429 || httpStatus >= 500) return { status: 'retry', reason: reason || `HTTP ${httpStatus}`, retryAfterMs }
  return { status: 'refused', httpStatus, reason }
}
