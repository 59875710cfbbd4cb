import type { WebSocket } from 'ws'
import { type CoordinatorFrame, SEND_HIGH_WATER_BYTES } from '#protocol/frames'

/**
 * The sending half of an agent's socket. Control frames go to the socket at once; data waits its turn outside it while the socket's
 * buffer is full, so that a cancel never stands behind more than SEND_HIGH_WATER_BYTES of ciphertext.
 */
export interface SocketWriter {
  control(frame: CoordinatorFrame): void
  /** Resolves when the socket can take more; at once when it has closed. */
  data(frame: Uint8Array): Promise<void>
}

/** A peer that reads nothing while control frames pile up to this is cut. Data stops far below. */
const CUT_BYTES = 4 * SEND_HIGH_WATER_BYTES

export function createSocketWriter(socket: WebSocket, highWaterBytes = SEND_HIGH_WATER_BYTES): SocketWriter {
  /** Each exchange waits here at most once, so the list is bounded by the Mac's slots. */
  let waiting: (() => void)[] = []

  function wake(): void {
    if (socket.readyState === socket.OPEN && socket.bufferedAmount >= highWaterBytes) return
    const ready = waiting
    waiting = []
    for (const resume of ready) resume()
  }

  socket.on('close', wake)

  async function room(): Promise<void> {
    while (socket.readyState === socket.OPEN && socket.bufferedAmount >= highWaterBytes) {
      await new Promise<void>((resume) => waiting.push(resume))
    }
  }

  return {
    control(frame) {
      if (socket.readyState !== socket.OPEN) return
      if (socket.bufferedAmount > CUT_BYTES) socket.terminate()
      else socket.send(JSON.stringify(frame), wake)
    },
    async data(frame) {
      await room()
      if (socket.readyState === socket.OPEN) socket.send(frame, wake)
      await room()
    },
  }
}
