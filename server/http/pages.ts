import { createServer } from 'node:http'
import cookie from '@fastify/cookie'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import nextModule from 'next'
import { type CurrentUserDeps, currentUser } from '../auth/current-user.ts'
import { can, PERMISSIONS } from '../auth/permissions.ts'
import type { SignedIn } from '../auth/sessions.ts'
import { AppError } from '../errors.ts'
import { pageHeaders } from './page-headers.ts'
import { isPlainPath } from './plain-path.ts'

export type PagesDeps = CurrentUserDeps & { mode: 'evaluation' | 'production' }

export type PagesOptions = {
  /** Next's development server with hot reload, instead of the build in `.next`. */
  dev: boolean
  /** The repository root, which holds `app/` and `next.config.ts`. */
  dir: string
  /** What serves the pages, where it is not Next. */
  createNext?: CreateNext
}

type NextServer = {
  prepare(): Promise<void>
  getRequestHandler(): (req: FastifyRequest['raw'], res: FastifyReply['raw']) => Promise<void>
  close(): Promise<void>
}
export type CreateNext = (options: {
  dev: boolean
  dir: string
  httpServer: ReturnType<typeof createServer>
  quiet?: boolean
}) => NextServer

/** What the pages are told of the request before they ask anything: see `app/console-context.ts`. */
const CONTEXT_HEADER = 'x-espalier-console'

/**
 * The console's pages, mounted last: every address that nothing else answers. Nobody who is not signed in gets further than the
 * sign-in page. Returns what ends it.
 */
export async function mountNext(app: FastifyInstance, deps: PagesDeps, options: PagesOptions): Promise<{ close(): Promise<void> }> {
  process.env.NEXT_TELEMETRY_DISABLED = '1'
  if (!options.dev) Object.assign(process.env, { NODE_ENV: 'production' })
  // At its first page Next attaches its own `upgrade` listener to the server that it is given, and would cut the agents' sockets:
  // in production it gets a server that never listens. In development hot reload needs the real one.
  const httpServer = options.dev ? (app.server as ReturnType<typeof createServer>) : createServer()
  const next = (options.createNext ?? createNext())({ dev: options.dev, dir: options.dir, httpServer, quiet: true })
  await next.prepare()
  const handle = next.getRequestHandler()

  await app.register(async (pages) => {
    await pages.register(cookie)
    pages.route({
      method: ['GET', 'HEAD'],
      url: '/*',
      handler: async (request, reply) => {
        // Only what stands below may tell the pages who is signed in.
        delete request.raw.headers[CONTEXT_HEADER]
        const path = request.url.split('?', 1)[0] ?? '/'
        if (!isPlainPath(path)) throw new AppError('not_found')
        if (isAsset(path, options.dev)) return hand(request, reply)
        const signedIn = await currentUser(deps, request)
        const elsewhere = redirection(request.url, path, signedIn)
        if (elsewhere !== undefined) return reply.header('cache-control', 'no-store').redirect(elsewhere, 302)
        request.raw.headers[CONTEXT_HEADER] = encodeURIComponent(JSON.stringify(contextOf(deps.mode, signedIn)))
        return hand(request, reply)
      },
    })
  })

  async function hand(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { headers } = pageHeaders({ isDevelopment: options.dev, isHttps: deps.publicUrl.protocol === 'https:' })
    // Next takes the nonce for its own scripts from the policy in the *request*.
    request.raw.headers['content-security-policy'] = headers['content-security-policy']
    for (const [name, value] of Object.entries(headers)) reply.raw.setHeader(name, value)
    reply.hijack()
    await handle(request.raw, reply.raw)
    return reply
  }

  return { close: () => next.close() }
}

/** What the page may show before it asks anything: it offers no place that its reader would be refused. */
function contextOf(mode: PagesDeps['mode'], signedIn: SignedIn | undefined) {
  if (signedIn === undefined) return { mode, user: null }
  const { user } = signedIn
  return { mode, user, may: PERMISSIONS.filter((permission) => can(user.role, permission)) }
}

function redirection(url: string, path: string, signedIn: SignedIn | undefined): string | undefined {
  if (path === '/signin') return signedIn === undefined ? undefined : '/'
  // Whoever opens it has no account yet, or lost the way into it; the page itself tells nothing of anyone.
  if (path === '/accept-invitation') return undefined
  return signedIn === undefined ? `/signin?next=${encodeURIComponent(withoutRsc(url))}` : undefined
}

/** Next's router marks its own fetches with `_rsc`; the address to come back to is the page itself. */
function withoutRsc(url: string): string {
  const [path, query = ''] = url.split('?', 2) as [string, string?]
  const search = new URLSearchParams(query)
  search.delete('_rsc')
  return search.size === 0 ? path : `${path}?${search}`
}

/** What the sign-in page itself is made of; it tells nothing about anyone. */
function isAsset(path: string, dev: boolean): boolean {
  return path.startsWith('/_next/static/') || path === '/icon.svg' || (dev && (path.startsWith('/_next/') || path.startsWith('/__next')))
}

// `next` is CommonJS that its own bundler unwraps.
const createNext = (): CreateNext => ((nextModule as { default?: unknown }).default ?? nextModule) as CreateNext
