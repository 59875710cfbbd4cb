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

export type AppOptions = {
  tls: { cert: Buffer; key: Buffer } | undefined
  /** Whose `X-Forwarded-For` is believed. */
  isTrustedProxy: (address: string) => boolean
  limits?: ReceiveLimits
}

/** The HTTP server itself, before anything is registered on it. */
export function createApp({ tls, isTrustedProxy, limits = RECEIVE_LIMITS }: AppOptions): FastifyInstance {
  const node = { headersTimeout: limits.headersMs, connectionsCheckingInterval: limits.checkEveryMs }
  const app = Fastify({
    ...(tls === undefined ? { http: node } : { https: { ...node, ...tls } }),
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    trustProxy: (address) => isTrustedProxy(address),
    forceCloseConnections: 'idle',
    bodyLimit: DEFAULT_BODY_BYTES,
  }) as unknown as FastifyInstance
  app.server.maxConnections = limits.maxConnections
  return app
}
