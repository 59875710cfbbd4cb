import { newId } from '#protocol/ids'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { appendAudit } from '../store/audit.ts'
import type { Store } from '../store/client.ts'
import { needsSecondFactor } from '../store/second-factors.ts'
import {
  findSessionWithUser,
  insertSession,
  listStandingSessions,
  markSessionRevoked,
  revokeSessionsOf,
  type SessionRow,
  touchSession,
} from '../store/sessions.ts'
import { holdUser } from '../store/users.ts'
import type { Role } from './permissions.ts'

/** A session ends after this long without a request, and in any case after its absolute life. */
export const SESSION_IDLE_MS = 12 * 3600_000
export const SESSION_LIFE_MS = 7 * 24 * 3600_000
/** How stale `lastSeenAt` may become before it is written again. */
const TOUCH_AFTER_MS = 60_000
/** User agents are kept for the person to recognise a session by. */
const MAX_USER_AGENT = 300

export type SessionDeps = { store: Store; clock: Clock }

export type SignedIn = {
  sessionId: string
  /** When this session last proved that its person is at the keyboard; signing in is such a proof. */
  steppedUpAt: Date | null
  /** The role needs a second factor that the person has not set up yet: until then they manage their own account and nothing else. */
  lacksSecondFactor: boolean
  user: { id: string; email: string; name: string; role: Role }
}

/** `passwordHash`: the one that was just verified. */
export type Opening = { userId: string; passwordHash?: string | null; ip: string; userAgent: string }

/**
 * Opens a session for someone whose password (or SSO) was just verified; returns the row's id, which the cookie carries. Throws
 * `not_signed_in` when the account was disabled, or its password replaced, while that was going on.
 */
export async function openSession(deps: SessionDeps, opening: Opening): Promise<string> {
  const now = deps.clock.now()
  const id = newId('usn')
  await deps.store.$transaction(async (db) => {
    const user = await holdUser(db, opening.userId)
    const isReplaced = opening.passwordHash !== undefined && opening.passwordHash !== user?.passwordHash
    if (user === undefined || user.disabledAt !== null || isReplaced) throw new AppError('not_signed_in')
    await insertSession(db, {
      id,
      userId: opening.userId,
      createdAt: now,
      lastSeenAt: now,
      expiresAt: new Date(now.getTime() + SESSION_LIFE_MS),
      steppedUpAt: now,
      ip: opening.ip,
      userAgent: opening.userAgent.slice(0, MAX_USER_AGENT),
    })
    const event = { type: 'session.opened', subject: id, detail: { ip: opening.ip } } as const
    await appendAudit(db, event, { actor: `user:${opening.userId}`, at: now })
  })
  return id
}

/** Who this session's person is, if it still stands. Asked of the database at every request, so a revocation holds at once. */
export async function checkSession(deps: SessionDeps, id: string): Promise<SignedIn | undefined> {
  const found = await findSessionWithUser(deps.store, id)
  if (found === undefined) return undefined
  const { session, user } = found
  const now = deps.clock.now()
  if (!isStanding(session, now) || user.disabledAt !== null) return undefined
  if (now.getTime() - session.lastSeenAt.getTime() > TOUCH_AFTER_MS) await touchSession(deps.store, id, now)
  const lacksSecondFactor = !user.hasSecondFactor && (await needsSecondFactor(deps.store, user.role))
  return {
    sessionId: id,
    steppedUpAt: session.steppedUpAt,
    lacksSecondFactor,
    user: { id: user.id, email: user.email, name: user.name, role: user.role },
  }
}

function isStanding(session: Pick<SessionRow, 'revokedAt' | 'expiresAt' | 'lastSeenAt'>, now: Date): boolean {
  return session.revokedAt === null && now < session.expiresAt && now.getTime() - session.lastSeenAt.getTime() < SESSION_IDLE_MS
}

/** Ends one of a person's own sessions. Throws `not_found` when they have no such standing session. */
export async function revokeSession(deps: SessionDeps, revocation: { sessionId: string; userId: string }): Promise<void> {
  const at = deps.clock.now()
  await deps.store.$transaction(async (db) => {
    const wasStanding = await markSessionRevoked(db, { id: revocation.sessionId, userId: revocation.userId, at })
    if (!wasStanding) throw new AppError('not_found', { public: 'This session has ended already.' })
    const event = { type: 'session.revoked', subject: revocation.sessionId, detail: {} } as const
    await appendAudit(db, event, { actor: `user:${revocation.userId}`, at })
  })
}

/** Ends all of a person's sessions but this one; says how many. */
export async function endOtherSessions(deps: SessionDeps, signedIn: SignedIn): Promise<number> {
  const at = deps.clock.now()
  return deps.store.$transaction(async (db) => {
    const count = await revokeSessionsOf(db, signedIn.user.id, { at, except: signedIn.sessionId })
    const event = { type: 'sessions.others-ended', subject: signedIn.user.id, detail: { count } } as const
    await appendAudit(db, event, { actor: `user:${signedIn.user.id}`, at })
    return count
  })
}

export async function listOwnSessions(deps: SessionDeps, userId: string): Promise<SessionRow[]> {
  const now = deps.clock.now()
  return listStandingSessions(deps.store, userId, { now, seenSince: new Date(now.getTime() - SESSION_IDLE_MS) })
}
