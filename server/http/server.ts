import { readFileSync } from 'node:fs'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Mdm } from '../../mdm/ports.ts'
import type { Env } from '../env.ts'
import { AppError, type ErrorCode, toAppError } from '../errors.ts'
import type { Log } from '../log.ts'
import { clientCertificateFrom } from './client-certificate.ts'
import { type ConsolePluginDeps, consoleApi } from './console.ts'
import { createApp } from './create-app.ts'
import { type HealthDeps, healthRoutes } from './health.ts'
import { type InvitationDeps, invitationRoutes } from './invitations.ts'
import { mdmRoutes } from './mdm.ts'
import { type OpenAiDeps, openAiRoutes } from './openai/routes.ts'
import { type CreateNext, mountNext } from './pages.ts'
import { type SetupEchoDeps, setupEchoRoutes } from './setup-echo.ts'
import { answerUnknownAddresses } from './unknown-address.ts'

export type HttpDeps = {
  env: Env
  log: Log
  dev: boolean
  /** Whose `X-Forwarded-For` is believed. */
  isTrustedProxy: (address: string) => boolean
  mdm: Mdm
  /** Named to clients whose certificate is asked for. */
  deviceCaPem: string
  invitations: InvitationDeps
  setupEcho: SetupEchoDeps
  openAi: OpenAiDeps
  console: ConsolePluginDeps
  health: Omit<HealthDeps, 'isStopping'>
  /** Told of every address as it is registered. */
  onRoute?: (route: { method: string | string[]; url: string }) => void
  /** What serves the pages, where it is not Next. */
  createNext?: CreateNext
}

const ROOT = new URL('../..', import.meta.url).pathname

/** Everything that the one port answers, as one table. The order matters once: the pages take what nothing else took. */
export async function createHttpServer(deps: HttpDeps): Promise<{ app: FastifyInstance; isStopping(): void }> {
  const { env, log } = deps
  let stopping = false
  const { from } = env.clientCertificates
  const clientCa = from === 'listener' ? deps.deviceCaPem : undefined
  const tls = env.tls && { cert: readFileSync(env.tls.certFile), key: readFileSync(env.tls.keyFile), clientCa }
  const app = createApp({ tls, isTrustedProxy: deps.isTrustedProxy })
  if (deps.onRoute !== undefined) app.addHook('onRoute', deps.onRoute)
  // Before the plugins: each inherits it as it is registered, unless it speaks a protocol of its own.
  app.setErrorHandler((error, request, reply) => answerError(log, error, request, reply))
  answerUnknownAddresses(app)
  await app.register(healthRoutes, { ...deps.health, isStopping: () => stopping })
  await app.register(mdmRoutes(deps.mdm, clientCertificateFrom(env.clientCertificates, deps.isTrustedProxy)))
  await app.register(invitationRoutes, deps.invitations)
  await app.register(setupEchoRoutes, deps.setupEcho)
  await app.register(openAiRoutes(deps.openAi))
  await app.register(consoleApi, deps.console)
  const pages = await mountNext(
    app,
    { ...deps.console, mode: env.mode },
    { dev: deps.dev, dir: ROOT, ...(deps.createNext !== undefined && { createNext: deps.createNext }) },
  )
  app.addHook('onClose', () => pages.close())
  return {
    app,
    isStopping: () => {
      stopping = true
    },
  }
}

/** Fastify's own refusals, in the catalogue's words. */
const FAULTS: Readonly<Record<number, ErrorCode>> = { 413: 'payload_too_large', 415: 'unsupported_media_type' }

/** For what no plugin answers in its own protocol's words. */
export function answerError(log: Log, thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const status = (thrown as Partial<FastifyError>).statusCode
  const isCallersFault = !(thrown instanceof AppError) && status !== undefined && status >= 400 && status < 500
  const error = isCallersFault ? new AppError(FAULTS[status] ?? 'invalid_request', { cause: thrown }) : toAppError(thrown)
  if (error.code === 'internal') log.error({ err: thrown, route: request.routeOptions.url }, 'a request failed')
  return reply.code(error.status).send({ error: { code: error.code, message: error.publicText, param: error.param ?? null } })
}

/** A second appliance on the same port, or a port that needs more rights, is told in words. */
export async function listen(app: FastifyInstance, env: Env): Promise<void> {
  try {
    await app.listen({ port: env.port, host: env.host })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE')
      throw new Error(`Port ${env.port} is in use. Stop what listens there, or set PORT to another one.`, { cause: error })
    if (code === 'EACCES') throw new Error(`Port ${env.port} may not be opened by this user. Set PORT to one above 1023.`, { cause: error })
    throw error
  }
}

/** Requests have ended by now; a connection that is still open has sent none, or half of one. */
const LINGER_MS = 500

/** Stops listening and closes every connection: idle ones at once, whatever remains a moment later. */
export async function closeHttpServer(app: FastifyInstance): Promise<void> {
  const force = setTimeout(() => app.server.closeAllConnections(), LINGER_MS)
  await app.close().finally(() => clearTimeout(force))
}
