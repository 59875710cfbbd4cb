import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { MAX_DATA_FRAME_BYTES } from '#protocol/frames'
import type { FleetDesk } from '../fleet/ports.ts'
import type { GatewayEvent } from './events.ts'
import type { Registry } from './registry.ts'
import { createStrangers } from './strangers.ts'

const AGENT_PATH = '/agent'

export type UpgradeOptions = {
  registry: Registry
  desk: FleetDesk
  /** In development: takes what is not ours (hot reload's socket). */
  fallback?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Sockets whose agent has not yet proved its Mac: all together, and from one network. */
  maxUnproved?: number
  maxUnprovedPerNetwork?: number
  /** The peer's address; behind a proxy, the one that the proxy tells. */
  addressOf?: (request: IncomingMessage) => string
  onEvent?: (event: GatewayEvent) => void
}

const MAX_UNPROVED = 4096
/** A company’s Macs may all come from one address; each holds its place for an answer and a signature only. */
const MAX_UNPROVED_PER_NETWORK = 1024
/** Data frames carry up to 71 bytes of header (data-frames.ts). */
const MAX_PAYLOAD_BYTES = MAX_DATA_FRAME_BYTES + 71

/**
 * The one `upgrade` listener of the http server. Only the agents' socket is ours; any other path is answered 404 and cut, because
 * nobody else would answer it and the socket would stay open.
 */
export function attachAgentSockets(server: Server, options: UpgradeOptions): { close(): void } {
  const { registry, desk, fallback, onEvent = () => {} } = options
  const { maxUnproved = MAX_UNPROVED, maxUnprovedPerNetwork = MAX_UNPROVED_PER_NETWORK } = options
  const strangers = createStrangers({ total: maxUnproved, perNetwork: maxUnprovedPerNetwork })
  const addressOf = options.addressOf ?? ((request) => request.socket.remoteAddress ?? '')
  // Compression would tell the length of what control frames and ciphertexts share, and costs memory for each socket.
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_PAYLOAD_BYTES, clientTracking: false })

  function refuse(socket: Duplex, status: string, reason: 'not_found' | 'draining'): void {
    onEvent({ type: 'upgrade-refused', reason })
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy())
  }

  function accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const leave = strangers.enter(addressOf(request), () => {
      onEvent({ type: 'stranger-evicted' })
      socket.destroy()
    })
    // Also when the handshake fails and no session ever begins.
    socket.once('close', leave)
    sockets.handleUpgrade(request, socket, head, (agent) => registry.accept(agent, { desk, onProved: leave }))
  }

  function onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (pathOf(request) !== AGENT_PATH && fallback !== undefined) {
      fallback(request, socket, head)
      return
    }
    socket.on('error', () => socket.destroy())
    if (pathOf(request) !== AGENT_PATH) refuse(socket, '404 Not Found', 'not_found')
    else if (registry.isDraining) refuse(socket, '503 Service Unavailable', 'draining')
    else accept(request, socket, head)
  }

  server.on('upgrade', onUpgrade)
  return { close: () => void server.off('upgrade', onUpgrade) }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? ''
}
