import { MAX_REQUEST_BYTES } from '#protocol/frames'
import type { Received } from '#protocol/sealing'
import { EngineError } from '../engine/engine.ts'
import { untilAborted } from './until-aborted.ts'

/** Sealed chunks of one request on their way from the socket to the opener. */
export interface Inbox {
  /** Never blocks. Beyond the limit everything is dropped, and the reader fails. */
  push(chunk: Received): void
  /** The next chunk; throws when the request is too large, or with the signal's reason. One reader at a time. */
  take(signal: AbortSignal): Promise<Received>
}

export function createInbox(maxBytes = MAX_REQUEST_BYTES): Inbox {
  const chunks: Received[] = []
  let receivedBytes = 0
  let wake = (): void => undefined

  return {
    push(chunk) {
      receivedBytes += chunk.ciphertext.length
      if (receivedBytes > maxBytes) chunks.length = 0
      else chunks.push(chunk)
      wake()
    },
    async take(signal) {
      while (chunks.length === 0 && receivedBytes <= maxBytes) {
        await untilAborted(new Promise<void>((resolve) => (wake = resolve)), signal)
      }
      const chunk = chunks.shift()
      if (chunk === undefined) throw new EngineError('malformed_request', { detail: 'the sealed request is too large' })
      return chunk
    },
  }
}
