import type { FastifyRequest } from 'fastify'
import { decode } from 'next-auth/jwt'
import { sessionCookieName } from './next-auth.ts'
import { checkSession, type SessionDeps, type SignedIn } from './sessions.ts'

export type CurrentUserDeps = SessionDeps & { secret: string; publicUrl: URL }

/** Who makes this request, by the session cookie and the session row that it names; undefined for everyone else. */
export async function currentUser(deps: CurrentUserDeps, request: Pick<FastifyRequest, 'cookies'>): Promise<SignedIn | undefined> {
  const token = request.cookies[sessionCookieName(deps.publicUrl)]
  const sessionId = token === undefined ? undefined : await sessionIdOf(token, deps.secret)
  return sessionId === undefined ? undefined : checkSession(deps, sessionId)
}

async function sessionIdOf(token: string, secret: string): Promise<string | undefined> {
  try {
    const claims = await decode({ token, secret })
    return typeof claims?.sid === 'string' ? claims.sid : undefined
  } catch {
    return undefined // expired, tampered with, or encrypted under another secret
  }
}
