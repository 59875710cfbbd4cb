import cookie from '@fastify/cookie'
import { type FastifyTRPCPluginOptions, fastifyTRPCPlugin } from '@trpc/server/adapters/fastify'
import type { FastifyInstance } from 'fastify'
import { currentUser } from '../auth/current-user.ts'
import { mountNextAuth, type NextAuthDeps } from '../auth/next-auth.ts'
import { AppError, toAppError } from '../errors.ts'
import type { ConsoleDeps } from '../trpc/context.ts'
import { type AppRouter, appRouter } from '../trpc/root.ts'
import { isSameOrigin, ownOrigins } from './same-origin.ts'

export type ConsolePluginDeps = ConsoleDeps & NextAuthDeps

const MAX_BODY_BYTES = 64 * 1024

/**
 * What the console's pages talk to: `/api/auth/*` and `/trpc/*`. Register it as a plugin of its own (`app.register`), because it
 * reads form bodies, which no other part of the appliance does.
 */
export async function consoleApi(app: FastifyInstance, deps: ConsolePluginDeps): Promise<void> {
  const origins = ownOrigins(deps.publicUrl, deps.mode)
  await app.register(cookie)
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit: MAX_BODY_BYTES }, (_request, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(body as string))),
  )
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    const changesSomething = request.method !== 'GET' && request.method !== 'HEAD'
    if (changesSomething && !isSameOrigin(request.headers, origins)) throw new AppError('forbidden', { public: CROSS_ORIGIN })
  })
  app.setErrorHandler((error: unknown, _request, reply) => {
    const known = isClientFault(error) ? new AppError('invalid_request', { cause: error }) : toAppError(error)
    if (known.code === 'internal') deps.log.warn({ err: error }, 'the console API failed')
    return reply.code(known.status).send({ error: { code: known.code, message: known.publicText } })
  })
  mountNextAuth(app, deps)
  await app.register(fastifyTRPCPlugin<AppRouter>, trpcOptions(deps))
}

/** Fastify's own refusals: unreadable JSON, a body too large, an unknown media type. */
const isClientFault = (error: unknown): boolean => {
  const status = (error as { statusCode?: unknown } | null)?.statusCode
  return typeof status === 'number' && status >= 400 && status < 500
}

const CROSS_ORIGIN = 'This request did not come from a page of this console.'

function trpcOptions(deps: ConsolePluginDeps): FastifyTRPCPluginOptions<AppRouter> {
  return {
    prefix: '/trpc',
    trpcOptions: {
      router: appRouter,
      createContext: async ({ req }) => ({ deps, signedIn: await currentUser(deps, req), ip: req.ip }),
      onError({ error, path }) {
        const isOurs = error.cause instanceof AppError && error.cause.status < 500
        if (error.code === 'INTERNAL_SERVER_ERROR' && !isOurs)
          deps.log.warn({ err: error.cause ?? error, path }, 'a console procedure failed')
      },
    },
  }
}
