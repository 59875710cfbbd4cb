/** Why an agent cannot start or go on; stable codes for the log, the status file and the exit code. */
export type AgentErrorCode =
  | 'invalid_options'
  | 'platform_unsupported'
  | 'device_unreadable'
  | 'agent_key_unusable'
  | 'model_unreadable'
  | 'engine_unavailable'
  | 'key_not_attested'
  | 'revocations_unreadable'

export class AgentError extends Error {
  readonly code: AgentErrorCode

  constructor(code: AgentErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.name = 'AgentError'
    this.code = code
  }
}
