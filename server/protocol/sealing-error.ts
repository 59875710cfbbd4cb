/** Why sealed bytes were refused. After any of these the opener is dead: every further call throws its first failure again. */
type SealingErrorCode = 'open_failed' | 'out_of_order' | 'truncated' | 'after_final' | 'malformed'

export class SealingError extends Error {
  readonly code: SealingErrorCode

  constructor(code: SealingErrorCode, cause?: unknown) {
    super(`sealing: ${code}`, { cause })
    this.name = 'SealingError'
    this.code = code
  }
}
