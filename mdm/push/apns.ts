import { type ClientHttp2Stream, constants } from 'node:http2'
import type { Push, PushResult } from '../ports.ts'
import { type Answer, readAnswer, toResult } from './apns-answer.ts'
import { type ApnsCredentials, BackingOff, type Backoff, type Connection, createConnections } from './apns-connection.ts'

export type { ApnsCredentials } from './apns-connection.ts'

const DEFAULT_TIMEOUT_MS = 15_000
/** Streams at once on the one connection; Apple's server announces its own bound, which HTTP/2 keeps besides. */
const DEFAULT_CONCURRENCY = 100
/** Pushes that wait for a stream; more are turned away at once rather than kept. */
const MAX_WAITING = 1000
const MAX_REPLY_BYTES = 4096
/** A Mac that sleeps through a day is told when it wakes. */
const EXPIRATION_SECONDS = 24 * 3600
const BACKOFF: Backoff = { firstMs: 500, mostMs: 60_000 }

type Message = Parameters<Push['send']>[0]

export type ApnsOptions = {
  timeoutMs?: number
  concurrency?: number
  maxWaiting?: number
  backoff?: Backoff
  random?: () => number
  now?: () => Date
}

/**
 * MDM push over HTTP/2 (Apple: "Sending push notifications … to APNs", push type `mdm`). The credentials are asked for at each
 * push, so that a renewed certificate is taken up without a restart. Nothing is thrown: every way to fail is a PushResult.
 */
export function createApnsSender(
  credentials: () => ApnsCredentials | Promise<ApnsCredentials>,
  options: ApnsOptions = {},
): Push & { close(): void } {
  const now = options.now ?? (() => new Date())
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  const connections = createConnections({ backoff: options.backoff ?? BACKOFF, random: options.random ?? Math.random })
  const slots = createSlots(options.concurrency ?? DEFAULT_CONCURRENCY, options.maxWaiting ?? MAX_WAITING)

  const attempt = async (message: Message): Promise<Answer> => {
    const connection = connections.use(await credentials())
    const expiration = Math.floor(now().getTime() / 1000) + EXPIRATION_SECONDS
    return post(connection, { message, expiration, timeoutMs, now })
  }
  const send = async (message: Message): Promise<PushResult> => {
    if (!(await slots.take())) return { status: 'retry', reason: 'too many pushes under way', retryAfterMs: 1000, scope: 'all' }
    try {
      // What Apple never began to work on (RFC 9113 §8.7) goes out once more, over the connection that follows.
      const answer = await attempt(message).catch((error: unknown) =>
        error instanceof NotProcessed ? attempt(message) : Promise.reject(error),
      )
      return toResult(answer)
    } catch (error) {
      return toFailure(error)
    } finally {
      slots.give()
    }
  }
  return { send, close: () => connections.close() }
}

function toFailure(error: unknown): PushResult {
  const reason = error instanceof Error ? error.message : 'no connection'
  if (error instanceof BrokenOff) return { status: 'retry', reason, retryAfterMs: undefined, scope: 'all', isUncertain: true }
  return { status: 'retry', reason, retryAfterMs: error instanceof BackingOff ? error.retryAfterMs : undefined, scope: 'all' }
}

/** Sent, and never answered. */
class BrokenOff extends Error {}

/** GOAWAY or REFUSED_STREAM: the server promises that it did nothing with this request. */
class NotProcessed extends Error {}

type Post = { message: Message; expiration: number; timeoutMs: number; now: () => Date }

function post(connection: Connection, { message, expiration, timeoutMs, now }: Post): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = connection.session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: `/3/device/${Buffer.from(message.token).toString('hex')}`,
      'apns-topic': message.topic,
      'apns-push-type': 'mdm',
      'apns-priority': '10',
      'apns-expiration': String(expiration),
    })
    const timer = setTimeout(() => {
      // A connection that swallows pushes is not asked again.
      connection.retire()
      stream.destroy(new Error('no answer in time'))
    }, timeoutMs)
    let headers: Record<string, unknown> = {}
    let body = ''
    stream.setEncoding('utf8')
    stream.on('response', (received) => {
      connection.answered()
      headers = received
    })
    stream.on('data', (chunk: string) => {
      body = (body + chunk).slice(0, MAX_REPLY_BYTES)
    })
    let wasSent = false
    stream.on('ready', () => {
      wasSent = true
    })
    stream.on('error', (error) => reject(toFault(stream, wasSent, error.message)))
    stream.on('close', () => {
      clearTimeout(timer)
      if (headers[':status'] !== undefined) resolve(readAnswer(headers, body, now()))
      else reject(toFault(stream, wasSent, 'the connection broke'))
    })
    stream.end(JSON.stringify({ mdm: message.pushMagic }))
  })
}

function toFault(stream: ClientHttp2Stream, wasSent: boolean, words: string): Error {
  if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) return new NotProcessed(words)
  return wasSent ? new BrokenOff(words) : new Error(words)
}

/** So many at once, so many waiting; beyond that the answer is no. */
function createSlots(most: number, mostWaiting: number) {
  let taken = 0
  const waiting: (() => void)[] = []
  return {
    async take(): Promise<boolean> {
      if (taken < most) {
        taken++
        return true
      }
      if (waiting.length >= mostWaiting) return false
      await new Promise<void>((resolve) => waiting.push(resolve))
      return true
    },
    /** Hands the slot to whoever has waited longest. */
    give(): void {
      const next = waiting.shift()
      if (next === undefined) taken--
      else next()
    },
  }
}
