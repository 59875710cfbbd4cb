import { randomBytes } from 'node:crypto'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { isFactorySigned, type Register } from './register.ts'

/** One notification on its way; `expiresAt` 0 means: now or never (apns-expiration 0). */
export type Notification = { token: string; topic: string; magic: string; expiresAt: number }

export type Courier = {
  server: WebSocketServer
  deliver(serial: string, notification: Notification): void
  close(): void
}

const MAX_FRAME_BYTES = 4096
/** A Mac has this long to sign in. */
const SIGN_IN_MS = 10_000

/**
 * The persistent connection that every Mac keeps to Apple. A Mac that is away finds the newest notification of each token
 * when it comes back: APNs stores one, not a queue.
 */
export function createCourier(register: Register, now: () => Date): Courier {
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES })
  const online = new Map<string, WebSocket>()
  const waiting = new Map<string, Map<string, Notification>>()

  server.on('connection', (socket) => {
    const nonce = randomBytes(32)
    let serial: string | undefined
    const late = setTimeout(() => socket.terminate(), SIGN_IN_MS)
    socket.on('error', () => socket.terminate())
    socket.on('close', () => {
      clearTimeout(late)
      if (serial !== undefined && online.get(serial) === socket) online.delete(serial)
    })
    socket.on('message', (data) => {
      const frame = parse(data)
      if (serial !== undefined) answer(socket, serial, frame)
      else if (signsIn(frame, nonce)) {
        clearTimeout(late)
        serial = frame.serial as string
        welcome(socket, serial)
      } else socket.close(4401, 'sign in first')
    })
    send(socket, { type: 'hello', nonce: nonce.toString('base64url') })
  })

  function signsIn(frame: Record<string, unknown>, nonce: Uint8Array): boolean {
    if (frame.type !== 'sign-in' || typeof frame.serial !== 'string' || typeof frame.signature !== 'string') return false
    const mac = register.find(frame.serial)
    return mac !== undefined && isFactorySigned(mac, 'courier', nonce, Buffer.from(frame.signature, 'base64url'))
  }

  function welcome(socket: WebSocket, serial: string): void {
    online.get(serial)?.terminate()
    online.set(serial, socket)
    send(socket, { type: 'welcome' })
    const stored = waiting.get(serial)
    waiting.delete(serial)
    for (const notification of stored?.values() ?? []) {
      if (notification.expiresAt > now().getTime()) push(socket, notification)
    }
  }

  function answer(socket: WebSocket, serial: string, frame: Record<string, unknown>): void {
    if (frame.type === 'register' && typeof frame.topic === 'string') {
      send(socket, { type: 'token', topic: frame.topic, token: register.token(serial, frame.topic) })
    } else if (frame.type === 'unregister' && typeof frame.token === 'string') {
      register.unregister(serial, frame.token, now())
      send(socket, { type: 'unregistered', token: frame.token })
    }
  }

  return {
    server,
    deliver(serial, notification) {
      const socket = online.get(serial)
      if (socket?.readyState === WebSocket.OPEN) push(socket, notification)
      else if (notification.expiresAt > now().getTime()) {
        const stored = waiting.get(serial) ?? new Map<string, Notification>()
        waiting.set(serial, stored.set(notification.token, notification)) // bounded by the register: one a token
      }
    },
    close() {
      for (const socket of server.clients) socket.terminate()
      server.close()
    },
  }
}

function parse(data: RawData): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(data.toString())
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

const push = (socket: WebSocket, { token, topic, magic }: Notification) => send(socket, { type: 'push', token, topic, magic })
const send = (socket: WebSocket, frame: object) => socket.send(JSON.stringify(frame))
