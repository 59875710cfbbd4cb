/** Why something of Automated Device Enrollment failed; the codes are ours, `apple` is what Apple's service said. */
export type AdeFaultCode =
  /** The server token file. */
  | 'TOKEN_FILE_MALFORMED'
  | 'TOKEN_FOR_OTHER_KEY'
  | 'TOKEN_INCOMPLETE'
  | 'TOKEN_EXPIRED'
  /** Apple’s service. */
  | 'TOKEN_REJECTED'
  | 'TERMS_NOT_SIGNED'
  | 'ACCESS_DENIED'
  | 'CURSOR_INVALID'
  | 'CURSOR_EXPIRED'
  | 'CURSOR_EXHAUSTED'
  | 'PROFILE_NOT_FOUND'
  | 'REQUEST_REFUSED'
  | 'ANSWER_MALFORMED'
  | 'BUSY'
  | 'UNREACHABLE'

export class AdeFault extends Error {
  override readonly name = 'AdeFault'
  readonly code: AdeFaultCode
  /** When Apple says how long to wait. */
  readonly retryAfterMs: number | undefined

  constructor(code: AdeFaultCode, detail: string, options: { cause?: unknown; retryAfterMs?: number | undefined } = {}) {
    super(detail, { cause: options.cause })
    this.code = code
    this.retryAfterMs = options.retryAfterMs
  }
}
