import { type Logger, pino } from 'pino'

export type { Logger }

/** Codes, counts and ids only: no prompt, no answer, no ticket, no key ever reaches a log. JSON lines on stderr. */
export function createLog(level = process.env.ESPALIER_LOG_LEVEL ?? 'info'): Logger {
  return pino({ name: 'espalier-agent', level, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }))
}

/** What may be logged of a thrown value: its kind. Messages of libraries can quote what they were given. */
export function faultOf(error: unknown): { fault: string; code?: string } {
  if (!(error instanceof Error)) return { fault: typeof error }
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? { fault: error.name, code } : { fault: error.name }
}
