import { once } from 'node:events'
import { WebSocket } from 'ws'
import { createBackoff } from '../backoff.ts'
import type { AppleLink } from './apple-link.ts'

export type CourierClient = {
  /** The Mac's push token (hex) for a topic. Waits until software Apple is there. */
  token(topic: string): Promise<string>
  unregister(token: string): void
}

type Frame = { type?: string; nonce?: string; topic?: string; token?: string; magic?: string }

/** Keeps the connection to Apple while `signal` lasts, and reports every push that comes over it. */
export function keepCourier(options: {
  serial: string
  link: AppleLink
  onPush: (push: { topic: string; magic: string }) => void
  signal: AbortSignal
}): CourierClient {
  const { signal } = options
  const wanted = new Map<string, ((token: string) => void)[]>()
  let live: WebSocket | undefined

  async function connectOnce(): Promise<void> {
    const socket = new WebSocket(options.link.courierUrl(), { maxPayload: 4096, handshakeTimeout: 10_000 })
    const stop = () => socket.terminate()
    signal.addEventListener('abort', stop, { once: true })
    socket.on('error', () => socket.terminate())
    socket.on('message', (data) => receive(socket, JSON.parse(data.toString()) as Frame))
    await once(socket, 'close').finally(() => signal.removeEventListener('abort', stop))
    live = undefined
  }

  function receive(socket: WebSocket, frame: Frame): void {
    if (frame.type === 'hello') {
      const signature = Buffer.from(options.link.signIn(Buffer.from(frame.nonce ?? '', 'base64url'))).toString('base64url')
      socket.send(JSON.stringify({ type: 'sign-in', serial: options.serial, signature }))
    } else if (frame.type === 'welcome') {
      live = socket
      backoff.reset()
      for (const topic of wanted.keys()) socket.send(JSON.stringify({ type: 'register', topic }))
    } else if (frame.type === 'token') {
      const waiting = wanted.get(frame.topic ?? '') ?? []
      wanted.delete(frame.topic ?? '')
      for (const resolve of waiting) resolve(frame.token ?? '')
    } else if (frame.type === 'push') options.onPush({ topic: frame.topic ?? '', magic: frame.magic ?? '' })
  }

  const backoff = createBackoff({ minMs: 200, maxMs: 15_000 })
  async function keep(): Promise<void> {
    while (!signal.aborted) {
      try {
        await connectOnce()
      } catch {
        // Away: its address may not be written yet, or be that of an earlier run.
      }
      await backoff.wait(signal).catch(() => {})
    }
  }
  void keep()

  return {
    token: (topic) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        wanted.set(topic, [...(wanted.get(topic) ?? []), resolve])
        live?.send(JSON.stringify({ type: 'register', topic }))
      }),
    unregister(token) {
      live?.send(JSON.stringify({ type: 'unregister', token }))
    },
  }
}
