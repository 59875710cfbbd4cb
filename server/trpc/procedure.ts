import { initTRPC, TRPCError } from '@trpc/server'
import { ZodError } from 'zod'
import { can, type Permission } from '../auth/permissions.ts'
import { AppError, toAppError } from '../errors.ts'
import type { Context } from './context.ts'

export type Meta = { permission: Permission }

const t = initTRPC
  .context<Context>()
  .meta<Meta>()
  .create({
    // The catalogue's code and words reach the console; a stack trace or an internal message never does.
    errorFormatter({ shape, error }) {
      const known = publicError(error)
      return {
        ...shape,
        message: known.publicText,
        data: {
          code: known.code,
          httpStatus: known.status,
          retryable: known.retryable,
          param: known.param ?? null,
          path: shape.data.path ?? null,
        },
      }
    },
  })

export const router = t.router
export const createCaller = t.createCallerFactory

/**
 * The only way to make a procedure. It names its permission; without one nobody may call it. `ctx.signedIn` is certain afterwards.
 */
export const allowedTo = (permission: Permission) => gated.meta({ permission })

const gated = t.procedure
  .use(({ ctx, meta, next }) => {
    if (ctx.signedIn === undefined) throw asTrpcError(new AppError('not_signed_in'))
    if (meta?.permission === undefined || !can(ctx.signedIn.user.role, meta.permission)) throw asTrpcError(new AppError('forbidden'))
    return next({ ctx: { ...ctx, signedIn: ctx.signedIn } })
  })
  .use(async ({ next }) => {
    const result = await next()
    if (!result.ok && result.error.cause instanceof AppError) throw asTrpcError(result.error.cause)
    return result
  })

const TRPC_CODES: Record<number, TRPCError['code']> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_SUPPORTED',
  409: 'CONFLICT',
  410: 'NOT_FOUND',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'TOO_MANY_REQUESTS',
  503: 'SERVICE_UNAVAILABLE',
}

function asTrpcError(error: AppError): TRPCError {
  return new TRPCError({ code: TRPC_CODES[error.status] ?? 'INTERNAL_SERVER_ERROR', message: error.publicText, cause: error })
}

/** Faults of the input become `invalid_request`; everything that is not in the catalogue becomes `internal`. */
function publicError(error: TRPCError): AppError {
  if (error.cause instanceof AppError) return error.cause
  if (error.code === 'BAD_REQUEST') {
    const issue = error.cause instanceof ZodError ? error.cause.issues[0] : undefined
    const param = issue?.path.join('.')
    return new AppError('invalid_request', { cause: error, ...(issue && { public: issue.message }), ...(param && { param }) })
  }
  if (error.code === 'NOT_FOUND') return new AppError('not_found', { cause: error })
  if (error.code === 'METHOD_NOT_SUPPORTED') return new AppError('method_not_allowed', { cause: error })
  if (error.code === 'UNSUPPORTED_MEDIA_TYPE') return new AppError('unsupported_media_type', { cause: error })
  if (error.code === 'PAYLOAD_TOO_LARGE') return new AppError('payload_too_large', { cause: error })
  return toAppError(error)
}
