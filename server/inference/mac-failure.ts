import type { EngineErrorCode, Usage } from '#protocol/inference'
import { AppError } from '../errors.ts'

/** How one Mac failed one request; what its agent said, or what became of the exchange. */
export type MacFailureCode = EngineErrorCode | 'gone' | 'truncated' | 'tampered' | 'malformed_response' | 'stalled'

export class MacFailure extends Error {
  readonly code: MacFailureCode
  readonly usage: Usage | undefined

  constructor(code: MacFailureCode, options: { usage?: Usage | undefined; cause?: unknown } = {}) {
    super(`the Mac failed: ${code}`, { cause: options.cause })
    this.name = 'MacFailure'
    this.code = code
    this.usage = options.usage
  }
}

/** Failures of one Mac that another may not share, so that the same request may be sent there. */
const ELSEWHERE = new Set<MacFailureCode>(['gone', 'no_free_slot', 'draining', 'model_not_loaded', 'key_config_unknown'])

export const mayRetryElsewhere = (code: MacFailureCode): boolean => ELSEWHERE.has(code)

const RETRY_AFTER_SECONDS = 2

/** What the caller learns of it. */
export function toCallerError(failure: MacFailure): AppError {
  const options = { cause: failure, detail: failure.code, retryAfterSeconds: RETRY_AFTER_SECONDS }
  switch (failure.code) {
    case 'context_length_exceeded':
      return new AppError('context_length_exceeded', { param: 'messages' })
    case 'gone':
      return new AppError('mac_vanished', options)
    case 'no_free_slot':
      return new AppError('queue_full', options)
    case 'model_not_loaded':
    case 'draining':
    case 'key_config_unknown':
      return new AppError('no_trusted_mac', options)
    case 'truncated':
    case 'tampered':
    case 'malformed_response':
      return new AppError('mac_failed', { ...options, public: 'The Mac’s answer was cut short or altered on its way, and was stopped.' })
    case 'stalled':
    case 'malformed_request':
    case 'sealing_failed':
    case 'replayed_request':
    case 'cancelled':
    case 'engine_failed':
      return new AppError('mac_failed', options)
  }
  failure.code satisfies never
  return new AppError('mac_failed', options)
}
