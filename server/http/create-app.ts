import Fastify, { type FastifyInstance } from 'fastify'

/**
 * How long a peer may take to say what it wants. These cover the receiving of a request only: an answer streams for as long as it
 * takes, and an agent's socket is its own affair once it is upgraded.
 */
export type ReceiveLimits = {
  headersMs: number
  requestMs: number
  /** An idle connection is kept for the next request. */
  keepAliveMs: number
  /** How often Node looks for requests that have taken too long. */
  checkEveryMs: number
  /** Sockets at one time; further ones are cut at once. */
  maxConnections: number
}

const RECEIVE_LIMITS: ReceiveLimits = {
  headersMs: 10_000,
  // The largest request, 16 MiB, in this time is 4.5 Mbit/s.
  requestMs: 30_000,
  // Above the 60 s after which load balancers give an idle connection up themselves: closing first would race their next request.
  keepAliveMs: 65_000,
  checkEveryMs: 5_000,
  // Each agent holds one. What the system allows a process to open should lie above it, so that database and log keep theirs.
  maxConnections: 16_384,
}

const DEFAULT_BODY_BYTES = 1024 * 1024
/** The console asks ten procedures in one address (`app/api.ts`); beyond find-my-way's 100 characters it would be told that nothing is there. */
const MAX_PARAMETER_LENGTH = 1000

export type AppOptions = {
  /** `clientCa` (PEM): clients are asked for a certificate, and served without one as well. */
  tls: { cert: Buffer; key: Buffer; clientCa?: string | undefined } | undefined
  /** Whose `X-Forwarded-For` is believed. */
  isTrustedProxy: (address: string) => boolean
  limits?: ReceiveLimits
}

/** The HTTP server itself, before anything is registered on it. */
export function createApp({ tls, isTrustedProxy, limits = RECEIVE_LIMITS }: AppOptions): FastifyInstance {
  const node = { headersTimeout: limits.headersMs, connectionsCheckingInterval: limits.checkEveryMs }
  const app = Fastify({
    ...(tls === undefined ? { http: node } : { https: { ...node, ...secured(tls) } }),
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    trustProxy: (address) => isTrustedProxy(address),
    forceCloseConnections: 'idle',
    bodyLimit: DEFAULT_BODY_BYTES,
    routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH },
  }) as unknown as FastifyInstance
  app.server.maxConnections = limits.maxConnections
  return app
}

/** Whether a certificate is the right one is decided where it is used; here nobody is turned away for it. */
function secured({ clientCa, ...tls }: NonNullable<AppOptions['tls']>) {
  return clientCa === undefined ? tls : { ...tls, requestCert: true, rejectUnauthorized: false, ca: clientCa }
}
