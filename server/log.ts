import { type DestinationStream, type Logger, pino } from 'pino'

export type Log = Logger

/**
 * The log never holds a body, a header, a cookie or a query: the request serializer copies four named fields and nothing else,
 * and an error keeps its message, code and stack but none of the objects that libraries hang on it. `redact` is the second
 * fence, for a secret that is logged by name.
 */
export function createLog(level: 'debug' | 'info' | 'warn' | 'error', destination?: DestinationStream): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { req: describeRequest, res: describeReply, err: describeError, error: describeError },
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
  }
  return destination ? pino(options, destination) : pino(options)
}

const SECRETS = [
  'authorization',
  'cookie',
  'password',
  'secret',
  'token',
  'ticket',
  'apiKey',
  'pushMagic',
  'body',
  'prompt',
  'messages',
  'headers',
  'rawBody',
  'databaseUrl',
]

/** The one-time codes of enrollment links and ACME identifiers travel in paths. */
const CODE_IN_PATH = /[A-Za-z0-9_-]{20,}/g

function describeRequest(request: { id?: unknown; method?: string; url?: string; ip?: string }) {
  return { id: request.id, method: request.method, path: request.url?.split('?')[0]?.replace(CODE_IN_PATH, '…'), ip: request.ip }
}

const describeReply = (reply: { statusCode?: number }) => ({ status: reply.statusCode })

type LoggedError = { type: string; message: string; code?: string; detail?: string; stack?: string; cause?: LoggedError }

function describeError(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) }
  const { code, detail } = error as { code?: unknown; detail?: unknown }
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof detail === 'string' ? { detail } : {}),
    ...(error.stack ? { stack: error.stack } : {}),
    ...(error.cause !== undefined && depth < 4 ? { cause: describeError(error.cause, depth + 1) } : {}),
  }
}
