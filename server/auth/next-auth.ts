import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { NextApiRequest, NextApiResponse } from 'next'
import nextAuthModule, { type AuthOptions } from 'next-auth'
import credentialsModule, { type CredentialsConfig } from 'next-auth/providers/credentials'
import { toAppError } from '../errors.ts'
import { checkSession, revokeSession, SESSION_LIFE_MS, type SessionDeps } from './sessions.ts'
import { type SignInDeps, signIn } from './sign-in.ts'

export type NextAuthDeps = SessionDeps &
  SignInDeps & {
    /** Encrypts the session cookie and authenticates the CSRF token. */
    secret: string
    publicUrl: URL
    log: { warn(detail: object, message: string): void }
  }

// next-auth 4 is CommonJS with `exports.default`: Node hands us the namespace where the bundlers it was made for unwrap it.
type NextAuthHandler = (req: NextApiRequest, res: NextApiResponse, options: AuthOptions) => Promise<unknown>
const nextAuth = unwrap<NextAuthHandler>(nextAuthModule)
const credentialsProvider = unwrap<(options: Partial<CredentialsConfig>) => CredentialsConfig>(credentialsModule)

function unwrap<Value>(module: unknown): Value {
  return ((module as { default?: unknown }).default ?? module) as Value
}

const usesSecureCookies = (publicUrl: URL): boolean => publicUrl.protocol === 'https:'
export const sessionCookieName = (publicUrl: URL): string => `${usesSecureCookies(publicUrl) ? '__Secure-' : ''}next-auth.session-token`

/**
 * next-auth in our own server: `/api/auth/csrf`, `/callback/credentials`, `/signout`, `/session`. Its cookie is an encrypted token
 * that carries only the id of a session row (DESIGN §3); the row decides.
 */
export function mountNextAuth(app: FastifyInstance, deps: NextAuthDeps): void {
  app.route({
    method: ['GET', 'POST'],
    url: '/api/auth/*',
    handler: async (request, reply) => {
      // next-auth reads its own address from here alone, synchronously, when the handler starts.
      process.env.NEXTAUTH_URL = deps.publicUrl.origin
      await nextAuth(nextRequest(request), nextResponse(reply), authOptions(deps, request))
      return reply
    },
  })
}

function authOptions(deps: NextAuthDeps, request: FastifyRequest): AuthOptions {
  return {
    secret: deps.secret,
    useSecureCookies: usesSecureCookies(deps.publicUrl),
    session: { strategy: 'jwt', maxAge: SESSION_LIFE_MS / 1000 },
    pages: { signIn: '/signin', error: '/signin', signOut: '/account' },
    providers: [passwordProvider(deps, request)],
    callbacks: {
      async jwt({ token, user }) {
        if (user !== undefined) return { sub: user.id, sid: (user as { sessionId?: string }).sessionId }
        if ((await checkSession(deps, String(token.sid))) === undefined) throw new Error('the session has ended')
        return { sub: token.sub as string, sid: token.sid }
      },
      session: ({ session }) => ({ expires: session.expires }),
    },
    events: {
      async signOut({ token }) {
        if (typeof token?.sid === 'string' && typeof token.sub === 'string')
          await revokeSession(deps, { sessionId: token.sid, userId: token.sub })
      },
    },
    logger: {
      error: (code, metadata) => deps.log.warn({ code, error: messageOf(metadata) }, 'next-auth'),
      warn: (code) => deps.log.warn({ code }, 'next-auth'),
      debug: () => {},
    },
  }
}

function passwordProvider(deps: NextAuthDeps, request: FastifyRequest) {
  return credentialsProvider({
    credentials: { email: {}, password: {}, code: {} },
    async authorize(credentials) {
      const { email, password, code } = credentials ?? {}
      if (typeof email !== 'string' || typeof password !== 'string') return null
      const userAgent = request.headers['user-agent'] ?? ''
      const attempt = { email, password, code: typeof code === 'string' ? code : undefined, ip: request.ip, userAgent }
      try {
        const result = await signIn(deps, attempt)
        return result === undefined ? null : { id: result.userId, sessionId: result.sessionId }
      } catch (error) {
        // next-auth puts the message into the address of the error page: our stable code, nothing else.
        throw new Error(toAppError(error).code, { cause: error })
      }
    },
  })
}

/** The few properties of Next's request that next-auth 4 reads. */
function nextRequest(request: FastifyRequest): NextApiRequest {
  const action = (request.params as { '*': string })['*'].split('/').filter((part) => part !== '')
  return {
    query: { ...(request.query as Record<string, string>), nextauth: action },
    body: request.body ?? {},
    cookies: request.cookies,
    headers: request.headers,
    method: request.method,
  } as unknown as NextApiRequest
}

/** The few methods of Next's response that next-auth 4 calls. */
function nextResponse(reply: FastifyReply): NextApiResponse {
  const response = {
    status(code: number) {
      reply.code(code)
      return response
    },
    getHeader: (name: string) => reply.getHeader(name),
    setHeader(name: string, value: string | string[]) {
      // Fastify appends to Set-Cookie by itself, while next-auth passes the whole list each time.
      if (name.toLowerCase() === 'set-cookie') reply.removeHeader(name)
      reply.header(name, value)
      return response
    },
    json: (value: unknown) => void reply.send(value),
    send: (value: unknown) => void reply.send(value),
    end: () => void reply.send(),
  }
  return response as unknown as NextApiResponse
}

const messageOf = (metadata: unknown): string => {
  const error = metadata instanceof Error ? metadata : (metadata as { error?: unknown } | undefined)?.error
  return error instanceof Error ? error.message : 'unknown'
}
