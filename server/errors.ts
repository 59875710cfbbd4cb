/**
 * Every error that a caller can see: one stable code, its HTTP status, its public words, whether the same call may succeed
 * later. `cause` and `detail` are for the log; `public` replaces the catalogue's sentence where the caller needs particulars.
 */
const CATALOGUE = {
  invalid_request: { status: 400, text: 'The request is malformed.', retryable: false },
  invalid_json: { status: 400, text: 'The body is not valid JSON.', retryable: false },
  context_length_exceeded: { status: 400, text: 'The prompt does not fit into the model’s context.', retryable: false },
  unsupported_parameter: { status: 400, text: 'A parameter is not supported.', retryable: false },
  missing_api_key: { status: 401, text: 'No API key was given. Send it as “Authorization: Bearer esp_…”.', retryable: false },
  invalid_api_key: { status: 401, text: 'The API key is not valid.', retryable: false },
  not_signed_in: { status: 401, text: 'Sign in first.', retryable: false },
  second_factor_needed: { status: 401, text: 'Give the code of your second factor too.', retryable: false },
  wrong_code: { status: 401, text: 'The code is not right, or it was used before. Wait for the next one.', retryable: false },
  insufficient_scope: { status: 403, text: 'This API key lacks the scope that the call needs.', retryable: false },
  forbidden: { status: 403, text: 'Your role does not allow this.', retryable: false },
  step_up_required: { status: 403, text: 'Prove that it is you: give your password again.', retryable: false },
  second_factor_required: { status: 403, text: 'Your role needs a second factor. Set one up under Account first.', retryable: false },
  wrong_password: { status: 403, text: 'The password is not right.', retryable: false },
  not_found: { status: 404, text: 'There is nothing at this address.', retryable: false },
  model_not_found: { status: 404, text: 'No such model is offered here. GET /v1/models lists what is served.', retryable: false },
  method_not_allowed: { status: 405, text: 'This address does not answer that method.', retryable: false },
  conflict: { status: 409, text: 'The change conflicts with the present state.', retryable: false },
  gone: { status: 410, text: 'This link has been used or has expired.', retryable: false },
  payload_too_large: { status: 413, text: 'The body is too large.', retryable: false },
  unsupported_media_type: { status: 415, text: 'The body must be JSON. Send it as “Content-Type: application/json”.', retryable: false },
  too_many_requests: { status: 429, text: 'Too many requests. Try again shortly.', retryable: true },
  queue_full: { status: 429, text: 'Every Mac is busy and the queue is full. Try again shortly.', retryable: true },
  queue_timeout: { status: 429, text: 'Every Mac stayed busy for too long. Try again shortly.', retryable: true },
  client_closed: { status: 499, text: 'The caller went away.', retryable: false },
  no_trusted_mac: { status: 503, text: 'No trusted Mac can serve this model now.', retryable: true },
  mac_vanished: { status: 502, text: 'The Mac that served this request went away.', retryable: true },
  mac_failed: { status: 502, text: 'The Mac could not finish this request.', retryable: true },
  shutting_down: { status: 503, text: 'The appliance is shutting down.', retryable: true },
  not_ready: { status: 503, text: 'The appliance is not ready.', retryable: true },
  internal: { status: 500, text: 'Something went wrong on our side.', retryable: true },
} as const satisfies Record<string, { status: number; text: string; retryable: boolean }>

export type ErrorCode = keyof typeof CATALOGUE

export type AppErrorOptions = {
  /** Replaces the catalogue's sentence. Never holds a secret or content. */
  public?: string
  /** The parameter at fault, in the caller's own terms. */
  param?: string
  /** For the log only. */
  detail?: string
  cause?: unknown
  /** Seconds, for Retry-After. */
  retryAfterSeconds?: number
  /** Where the request stood among those waiting, for x-espalier-queue-position. */
  queuePosition?: number
}

export class AppError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly retryable: boolean
  readonly publicText: string
  readonly param: string | undefined
  readonly detail: string | undefined
  readonly retryAfterSeconds: number | undefined
  readonly queuePosition: number | undefined

  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    const entry = CATALOGUE[code]
    super(options.detail ?? options.public ?? entry.text, { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.status = entry.status
    this.retryable = entry.retryable
    this.publicText = options.public ?? entry.text
    this.param = options.param
    this.detail = options.detail
    this.retryAfterSeconds = options.retryAfterSeconds
    this.queuePosition = options.queuePosition
  }
}

/** What a caller may learn of any thrown value: an AppError as it is, everything else as `internal`. */
export function toAppError(error: unknown): AppError {
  return error instanceof AppError ? error : new AppError('internal', { cause: error })
}
