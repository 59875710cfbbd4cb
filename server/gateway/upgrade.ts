import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { MAX_DATA_FRAME_BYTES } from '#protocol/frames'
import type { FleetDesk } from '../fleet/ports.ts'
import type { GatewayEvent } from './events.ts'
import type { Registry } from './registry.ts'

const AGENT_PATH = '/agent'

export type UpgradeOptions = {
  registry: Registry
  desk: FleetDesk
  /** In development: takes what is not ours (hot reload's socket). */
  fallback?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Sockets whose agent has not yet proved its Mac: all together, and from one address. */
  maxUnproved?: number
  maxUnprovedPerAddress?: number
  /** The peer's address, where a proxy in front is trusted to tell it. */
  addressOf?: (request: IncomingMessage) => string
  onEvent?: (event: GatewayEvent) => void
}

const MAX_UNPROVED = 4096
const MAX_UNPROVED_PER_ADDRESS = 256
/** Data frames carry up to 71 bytes of header (data-frames.ts). */
const MAX_PAYLOAD_BYTES = MAX_DATA_FRAME_BYTES + 71

/**
 * The one `upgrade` listener of the http server. Only the agents' socket is ours; any other path is answered 404 and cut, because
 * nobody else would answer it and the socket would stay open.
 */
export function attachAgentSockets(server: Server, options: UpgradeOptions): { close(): void } {
  const { registry, desk, fallback, onEvent = () => {} } = options
  const strangers = createStrangers(options.maxUnproved ?? MAX_UNPROVED, options.maxUnprovedPerAddress ?? MAX_UNPROVED_PER_ADDRESS)
  const addressOf = options.addressOf ?? ((request) => request.socket.remoteAddress ?? '')
  // Compression would tell the length of what control frames and ciphertexts share, and costs memory for each socket.
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_PAYLOAD_BYTES, clientTracking: false })

  function refuse(socket: Duplex, status: string, reason: 'not_found' | 'too_many_sockets' | 'draining'): void {
    onEvent({ type: 'upgrade-refused', reason })
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy())
  }

  function accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const leave = strangers.enter(addressOf(request))
    if (leave === undefined) {
      refuse(socket, '503 Service Unavailable', 'too_many_sockets')
      return
    }
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

/** Counts the sockets that have not proved their Mac; undefined when one more would be too many. */
function createStrangers(maxTotal: number, maxPerAddress: number): { enter(address: string): (() => void) | undefined } {
  const byAddress = new Map<string, number>()
  let total = 0
  return {
    enter(address) {
      const here = byAddress.get(address) ?? 0
      if (total >= maxTotal || here >= maxPerAddress) return undefined
      total++
      byAddress.set(address, here + 1)
      let isInside = true
      return () => {
        if (!isInside) return
        isInside = false
        total--
        const left = (byAddress.get(address) ?? 1) - 1
        if (left === 0) byAddress.delete(address)
        else byAddress.set(address, left)
      }
    },
  }
}
