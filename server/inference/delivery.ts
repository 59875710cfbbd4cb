import type { EngineEvent } from '#protocol/inference'
import { AppError } from '../errors.ts'
import type { Ending } from '../usage/meter.ts'
import type { Running } from './dispatch.ts'
import { MacFailure, toCallerError } from './mac-failure.ts'

/** Told once how the request ended; the delivery's end waits for it. */
export type Settle = (ending: Ending) => Promise<void>

/**
 * The answer as the caller takes it, from its first content. It ends after `finish` once the usage is settled, or throws an AppError.
 * `return` stops the Mac at once and settles what had been made.
 */
export function deliver({ first, relay }: Running, settle: Settle, signal: AbortSignal): AsyncIterableIterator<EngineEvent> {
  let waiting: EngineEvent | undefined = first
  let settled: Promise<void> | undefined

  const end = (ending: Ending): Promise<void> => {
    settled ??= settle(ending)
    return settled
  }

  async function stop(): Promise<void> {
    if (settled !== undefined) return settled
    const usage = await relay.stop()
    await end({ outcome: 'cancelled', usage })
  }

  async function fail(error: unknown): Promise<never> {
    const told = callerError(error)
    const usage = (error instanceof MacFailure ? error.usage : undefined) ?? (await relay.stop())
    await end(endingOf(told, usage))
    throw told
  }

  // Even if nobody takes another event.
  signal.addEventListener('abort', () => void fail(signal.reason).catch(() => undefined), { once: true })

  return {
    async next() {
      if (settled !== undefined) {
        await settled
        return { done: true, value: undefined }
      }
      const event = waiting ?? (await relay.next().catch(fail))
      waiting = undefined
      // Settled while the last event is on its way; the end of the delivery waits for it.
      if (event.type === 'finish') void end({ outcome: 'completed', usage: event.usage })
      return { done: false, value: event }
    },
    async return() {
      await stop()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

export function callerError(error: unknown): AppError {
  if (error instanceof AppError) return error
  if (error instanceof MacFailure) return toCallerError(error)
  return new AppError('internal', { cause: error })
}

export function endingOf(error: AppError, usage?: Ending['usage']): Ending {
  return { outcome: error.code === 'client_closed' ? 'cancelled' : 'failed', errorCode: error.code, usage }
}
