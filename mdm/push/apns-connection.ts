import { createHash } from 'node:crypto'
import { type ClientHttp2Session, connect } from 'node:http2'

/** Apple's production server; MDM certificates know no other (reference §1.6). */
const APNS_URL = 'https://api.push.apple.com:443'
const IDLE_MS = 10 * 60_000

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

export type Backoff = { firstMs: number; mostMs: number }

/** Thrown instead of knocking again too early. */
export class BackingOff extends Error {
  readonly retryAfterMs: number

  constructor(retryAfterMs: number) {
    super('the last connections failed; waiting before the next one')
    this.retryAfterMs = retryAfterMs
  }
}

export type Connection = {
  session: ClientHttp2Session
  /** Somebody answered: whatever failed before is over. */
  answered(): void
  /** Takes no more pushes; those under way may end. */
  retire(): void
}

/**
 * The one connection, kept while it and the credentials last: replaced when the certificate is renewed, when Apple says GOAWAY,
 * when it breaks. One that breaks before anything was answered puts off the next, longer each time and never by the same time
 * as everybody else's.
 */
export function createConnections(options: { backoff: Backoff; random: () => number }) {
  let current: (Connection & { fingerprint: string }) | undefined
  let failures = 0
  let failed: { fingerprint: string; notBefore: number } | undefined

  function use(credentials: ApnsCredentials): Connection {
    const fingerprint = fingerprintOf(credentials)
    if (current !== undefined && !isUsable(current.session)) current = undefined
    if (current?.fingerprint === fingerprint) return current
    current?.retire()
    const waitMs = failed?.fingerprint === fingerprint ? failed.notBefore - performance.now() : 0
    if (waitMs > 0) throw new BackingOff(Math.ceil(waitMs))
    current = { ...open(credentials, () => noteFailure(fingerprint)), fingerprint }
    return current
  }

  function open({ url = APNS_URL, ca, certificate, key }: ApnsCredentials, onUseless: () => void): Connection {
    const session = connect(url, { cert: certificate, key, minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) })
    let isProven = false
    // Each push hears of the failure through its own stream; without a listener it would end the process.
    session.on('error', () => session.destroy())
    session.on('goaway', () => session.close())
    session.on('close', () => void (isProven || onUseless()))
    session.setTimeout(IDLE_MS, () => session.close())
    session.unref()
    const answered = (): void => {
      isProven = true
      failures = 0
    }
    return { session, answered, retire: () => session.close() }
  }

  function noteFailure(fingerprint: string): void {
    const delayMs = Math.min(options.backoff.firstMs * 2 ** Math.min(failures, 20), options.backoff.mostMs)
    failures++
    failed = { fingerprint, notBefore: performance.now() + delayMs * (0.5 + options.random()) }
  }

  return { use, close: () => current?.session.destroy() }
}

const isUsable = (session: ClientHttp2Session): boolean => !session.closed && !session.destroyed

const fingerprintOf = ({ url, ca, certificate, key }: ApnsCredentials): string =>
  createHash('sha256')
    .update(JSON.stringify([url, ca, certificate, key]))
    .digest('hex')
