import { base64url } from '#protocol/bytes'
import { DATA_KIND, type DataFrame, encodeDataFrame } from '#protocol/data-frames'
import { type AgentFrame, INITIAL_CREDIT_BYTES, MAX_REQUEST_BYTES } from '#protocol/frames'
import { AppError } from '../errors.ts'
import type { ExchangeEvent, MacExchange, SealedRequestHead } from '../inference/ports.ts'
import { createEventQueue } from './event-queue.ts'
import type { SocketWriter } from './socket-writer.ts'

/**
 * One request on one Mac, over its socket. It occupies a slot from its opening until the Mac has said `done` or `error`, or has
 * gone; a cancelled one until the Mac acknowledges, because until then the engine may still be at work.
 */
export interface OpenExchange extends MacExchange {
  /** False: the Mac sent more than its credit, or a chunk that cannot be one; cut it. */
  receive(chunk: DataFrame): boolean
  finish(frame: Extract<AgentFrame, { type: 'done' | 'error' }>): void
  /** The socket closed or the Mac lost its trust. */
  vanish(): void
}

type ExchangeDeps = {
  writer: SocketWriter
  /** The slot is free again; called once. */
  onEnd: () => void
  /** The Mac did not acknowledge a cancel in time. */
  onDeaf: () => void
  cancelLimitMs: number
}

/** Credit is given back in parts of at least this, so that not every token costs a frame. */
const CREDIT_STEP_BYTES = 4096
/** AES-GCM's tag: a shorter chunk is none. It also bounds how many chunks one window of credit can hold. */
const MIN_CIPHERTEXT_BYTES = 16

export function openExchange(head: SealedRequestHead, { writer, onEnd, onDeaf, cancelLimitMs }: ExchangeDeps): OpenExchange {
  const queue = createEventQueue<ExchangeEvent>()
  const { request } = head
  let sequence = 0
  let sentBytes = 0
  /** Received and not yet credited: what is queued, and what was taken since the last credit frame. */
  let uncreditedBytes = 0
  let takenBytes = 0
  let isCancelled = false
  let isEnded = false
  let cancelTimer: NodeJS.Timeout | undefined

  writer.control({
    type: 'request',
    request,
    model: head.model,
    keyConfig: head.keyConfigDigest,
    enc: base64url(head.enc),
    sealedAt: head.sealedAt,
  })

  function end(last: ExchangeEvent): void {
    if (isEnded) return
    isEnded = true
    clearTimeout(cancelTimer)
    queue.push(last)
    queue.end()
    onEnd()
  }

  function credit(bytes: number): void {
    takenBytes += bytes
    if (isEnded || isCancelled || takenBytes < CREDIT_STEP_BYTES) return
    writer.control({ type: 'credit', request, bytes: takenBytes })
    uncreditedBytes -= takenBytes
    takenBytes = 0
  }

  function cancel(): void {
    if (isEnded || isCancelled) return
    isCancelled = true
    writer.control({ type: 'cancel', request })
    cancelTimer = setTimeout(onDeaf, cancelLimitMs)
  }

  const iterator: AsyncIterator<ExchangeEvent, undefined> = {
    async next() {
      const result = await queue.next()
      if (!result.done && result.value.type === 'chunk') credit(result.value.ciphertext.length)
      return result
    },
    // Whoever stops reading wants no more.
    async return() {
      cancel()
      return { done: true, value: undefined }
    },
  }

  return {
    events: { [Symbol.asyncIterator]: () => iterator },
    cancel,
    async send(ciphertext, final) {
      sentBytes += ciphertext.length
      if (sentBytes > MAX_REQUEST_BYTES) throw new AppError('payload_too_large', { detail: 'sealed request over MAX_REQUEST_BYTES' })
      if (isEnded || isCancelled) return
      await writer.data(encodeDataFrame({ kind: DATA_KIND.requestChunk, request, sequence: sequence++, final, ciphertext }))
    },
    receive({ sequence: place, final, ciphertext }) {
      if (ciphertext.length < MIN_CIPHERTEXT_BYTES) return false
      uncreditedBytes += ciphertext.length
      if (uncreditedBytes > INITIAL_CREDIT_BYTES) return false
      // After a cancel nobody reads any more: chunks on their way are dropped, and still count against the credit.
      if (!isCancelled) queue.push({ type: 'chunk', sequence: place, final, ciphertext })
      return true
    },
    finish(frame) {
      const { usage } = frame
      if (isCancelled) end({ type: 'error', code: 'cancelled', ...(usage === undefined ? {} : { usage }) })
      else if (frame.type === 'done') end({ type: 'done', usage: frame.usage })
      else end({ type: 'error', code: frame.code, ...(usage === undefined ? {} : { usage }) })
    },
    vanish: () => end({ type: 'gone' }),
  }
}
