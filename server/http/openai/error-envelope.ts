import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'

/** OpenAI's error object; every error under `/v1` is one of these, whatever went wrong. */
export type ErrorEnvelope = { error: { message: string; type: string; code: string; param: string | null } }

export function errorEnvelope(error: AppError): ErrorEnvelope {
  return { error: { message: error.publicText, type: errorType(error.status), code: error.code, param: error.param ?? null } }
}

function errorType(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'api_error' : 'invalid_request_error'
}

export type ErrorLog = { error(detail: object, message: string): void }

/** Fastify's error handler for `/v1`. Only what is our own fault is logged, and never a body. */
export function sendErrorEnvelope(log: ErrorLog, limits: { maxBody: string }) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = asAppError(thrown, limits)
    if (error.code === 'internal') log.error({ err: thrown, route: request.routeOptions.url }, 'request failed')
    if (error.retryAfterSeconds !== undefined) reply.header('retry-after', error.retryAfterSeconds)
    if (error.queuePosition !== undefined) reply.header('x-espalier-queue-position', error.queuePosition)
    if (error.code === 'missing_api_key' || error.code === 'invalid_api_key') reply.header('www-authenticate', 'Bearer')
    return reply.code(error.status).type('application/json; charset=utf-8').send(errorEnvelope(error))
  }
}

/** Fastify's own refusals of a body, in our words. */
function asAppError(thrown: unknown, { maxBody }: { maxBody: string }): AppError {
  if (thrown instanceof AppError) return thrown
  const { code, statusCode } = thrown as Partial<FastifyError>
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new AppError('payload_too_large', { public: `The body is too large: at most ${maxBody}.`, cause: thrown })
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new AppError('unsupported_media_type', { cause: thrown })
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new AppError('invalid_request', { cause: thrown })
  return new AppError('internal', { cause: thrown })
}
