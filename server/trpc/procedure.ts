import { initTRPC, TRPCError } from '@trpc/server'
import { ZodError } from 'zod'
import { can, type Permission } from '../auth/permissions.ts'
import { hasSteppedUp } from '../auth/step-up.ts'
import { AppError, toAppError } from '../errors.ts'
import type { Context } from './context.ts'

export type Meta = {
  /** Whoever is signed in and may do this may call it. Absent where something else is needed instead: see `openTo`. */
  permission?: Permission
  /** Nobody needs to be signed in; who may call it then, in words. */
  openTo?: string
  /** A dangerous action: the session must have proved within the last minutes that its person is at the keyboard. */
  stepUp?: boolean
}

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

/** What somebody may still do who has to set up a second factor first. */
const OWN_ACCOUNT = 'sign in and manage their own sessions' satisfies Permission

export const router = t.router
export const createCaller = t.createCallerFactory

/**
 * The way to make a procedure. It names its permission; without one nobody may call it. `ctx.signedIn` is certain afterwards.
 * With `stepUp` whoever has not given the password lately is told `step_up_required`; the console asks for it and tries once more.
 */
export const allowedTo = (permission: Permission, { stepUp = false } = {}) => gated.meta({ permission, stepUp })

/** For those who cannot be signed in yet; the words say what they bring instead. */
export const openTo = (whom: string) => open.meta({ openTo: whom })

const open = t.procedure.use(async ({ next }) => {
  const result = await next()
  if (!result.ok && result.error.cause instanceof AppError) throw asTrpcError(result.error.cause)
  return result
})

const gated = open.use(({ ctx, meta, next }) => {
  if (ctx.signedIn === undefined) throw asTrpcError(new AppError('not_signed_in'))
  if (meta?.permission === undefined || !can(ctx.signedIn.user.role, meta.permission)) throw asTrpcError(new AppError('forbidden'))
  if (ctx.signedIn.lacksSecondFactor && meta.permission !== OWN_ACCOUNT) throw asTrpcError(new AppError('second_factor_required'))
  if (meta.stepUp === true && !hasSteppedUp(ctx.signedIn, ctx.deps.clock.now())) throw asTrpcError(new AppError('step_up_required'))
  return next({ ctx: { ...ctx, signedIn: ctx.signedIn } })
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
