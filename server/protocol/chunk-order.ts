import { concat, u64 } from './bytes.ts'
import { SealingError } from './sealing-error.ts'

/** One chunk as it was received; sequence and flag are the sender's words until the chunk has opened. */
export type Received = { ciphertext: Uint8Array; sequence: number; final: boolean }

/** First byte of every chunk's AAD, so that a chunk of one direction never opens in the other (same numbers as in data-frames.ts). */
export const DIRECTION = { request: 1, response: 2 } as const

/** AAD of a chunk (DESIGN §6): direction ‖ sequence (u64) ‖ final. */
export function chunkAad(direction: number, sequence: number, final: boolean): Uint8Array {
  return concat(Uint8Array.of(direction), u64(sequence), Uint8Array.of(final ? 1 : 0))
}

/** The sequence of one direction's chunks: 0, 1, 2, … up to one final chunk. The first failure is for ever. */
export interface ChunkOrder {
  /** Takes the next place, for a chunk about to be sealed. */
  place(final: boolean): number
  /** Insists that a received chunk claims exactly the next place. */
  admit(chunk: Received): void
  /** Marks the order dead and gives the error to throw. */
  fail(code: SealingError['code'], cause?: unknown): SealingError
  /** How many places have been given. */
  placed(): number
  /** Throws `truncated` unless the final chunk has had its place. */
  end(): void
}

export function createChunkOrder(): ChunkOrder {
  let next = 0
  let isFinished = false
  let failure: SealingError | undefined

  function fail(code: SealingError['code'], cause?: unknown): SealingError {
    failure ??= new SealingError(code, cause)
    return failure
  }

  function place(final: boolean): number {
    if (failure !== undefined) throw failure
    if (isFinished) throw fail('after_final')
    isFinished = final
    return next++
  }

  return {
    place,
    fail,
    placed: () => next,
    admit({ sequence, final }) {
      if (failure === undefined && !isFinished && sequence !== next) throw fail('out_of_order')
      place(final)
    },
    end() {
      if (failure !== undefined) throw failure
      if (!isFinished) throw fail('truncated')
    },
  }
}
