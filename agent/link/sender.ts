import { type AgentFrame, SEND_HIGH_WATER_BYTES } from '#protocol/frames'

/** Writes to one socket: control before data, never more than the high-water mark into its buffer. */
export interface Sender {
  /** Queued at once, sent before any waiting data. */
  control(frame: AgentFrame): void
  /** Resolves when the frame has been handed to the socket, so that what is sent next comes after it. */
  data(frame: Uint8Array): Promise<void>
  /** Resolves when nothing waits any more. */
  idle(): Promise<void>
  /** The socket is gone: everything waiting fails. */
  close(): void
}

/** What the sender needs of a WebSocket. */
export type Writable = {
  readonly bufferedAmount: number
  send(data: string | Uint8Array, options: { binary: boolean }, done: () => void): void
}

/** A coordinator that lets this many control frames pile up is not reading. */
export const MAX_WAITING_CONTROL_FRAMES = 1024

type WaitingData = { frame: Uint8Array; sent: () => void; failed: (error: Error) => void }

export function createSender(socket: Writable, onOverflow: () => void): Sender {
  const controls: string[] = []
  const data: WaitingData[] = []
  let idlers: (() => void)[] = []
  let isClosed = false

  function pump(): void {
    while (!isClosed && socket.bufferedAmount < SEND_HIGH_WATER_BYTES && sendNext());
    if (controls.length > 0 || data.length > 0) return
    for (const resolve of idlers) resolve()
    idlers = []
  }

  function sendNext(): boolean {
    const control = controls.shift()
    if (control !== undefined) {
      socket.send(control, { binary: false }, pump)
      return true
    }
    const next = data.shift()
    if (next === undefined) return false
    socket.send(next.frame, { binary: true }, pump)
    next.sent()
    return true
  }

  return {
    control(frame) {
      if (isClosed) return
      controls.push(JSON.stringify(frame))
      if (controls.length > MAX_WAITING_CONTROL_FRAMES) onOverflow()
      else pump()
    },
    data(frame) {
      if (isClosed) return Promise.reject(new Error('the socket is closed'))
      return new Promise((sent, failed) => {
        data.push({ frame, sent, failed })
        pump()
      })
    },
    idle() {
      return new Promise((resolve) => {
        idlers.push(resolve)
        pump()
      })
    },
    close() {
      isClosed = true
      controls.length = 0
      for (const { failed } of data.splice(0)) failed(new Error('the socket is closed'))
      pump()
    },
  }
}
