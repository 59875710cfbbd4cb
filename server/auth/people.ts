import { AppError } from '../errors.ts'
import { appendAudit } from '../store/audit.ts'
import { revokeSessionsOf } from '../store/sessions.ts'
import { revokeInvitationsFor } from '../store/user-invitations.ts'
import { disableUser, enableUser, findPerson, listPeopleRows, type PeopleQuery, type PersonRow, setRole } from '../store/users.ts'
import { assertMayManage, changingPeople, findManageable, type PeopleDeps } from './change-person.ts'
import type { Role } from './permissions.ts'
import { SESSION_IDLE_MS } from './sessions.ts'

export type { PeopleDeps, PersonRow }

const standingAt = (now: Date) => ({ now, seenSince: new Date(now.getTime() - SESSION_IDLE_MS) })

export function listPeople(deps: Pick<PeopleDeps, 'store' | 'clock'>, query: PeopleQuery): Promise<{ rows: PersonRow[]; total: number }> {
  return listPeopleRows(deps.store, query, standingAt(deps.clock.now()))
}

/** Takes effect at the person's next request, and at the next use of each of their API keys. */
export async function changeRole(deps: PeopleDeps, wish: { userId: string; role: Role; by: string }): Promise<void> {
  await changingPeople(deps, wish.by, async (change) => {
    const user = await findManageable(change, wish.userId)
    assertMayManage(change.by.role, wish.role)
    if (user.role === wish.role) return
    await setRole(change.db, user.id, wish.role)
    const event = { type: 'user.role-changed', subject: user.id, detail: { from: user.role, to: wish.role } } as const
    await appendAudit(change.db, event, change)
  })
}

/** Nobody is ever deleted: what they did stays theirs. Sessions end and API keys stop at once, and links to come back with too. */
export async function disablePerson(
  deps: PeopleDeps,
  wish: { userId: string; by: string },
): Promise<{ sessionsEnded: number; apiKeysStopped: number }> {
  return changingPeople(deps, wish.by, async (change) => {
    const user = await findManageable(change, wish.userId)
    if (user.disabledAt !== null) throw new AppError('conflict', { public: 'This account is disabled already.' })
    const { db, at } = change
    const apiKeysStopped = (await findPerson(db, user.id, standingAt(at)))?.apiKeys ?? 0
    await disableUser(db, user.id, at)
    const sessionsEnded = await revokeSessionsOf(db, user.id, { at })
    await revokeInvitationsFor(db, user.email, at)
    const detail = { sessionsEnded, apiKeysStopped }
    await appendAudit(db, { type: 'user.disabled', subject: user.id, detail }, change)
    return detail
  })
}

/** The password and the API keys count again; the sessions that were ended stay so. */
export async function enablePerson(deps: PeopleDeps, wish: { userId: string; by: string }): Promise<void> {
  await changingPeople(deps, wish.by, async (change) => {
    const user = await findManageable(change, wish.userId)
    if (user.disabledAt === null) throw new AppError('conflict', { public: 'This account is not disabled.' })
    await enableUser(change.db, user.id)
    await appendAudit(change.db, { type: 'user.enabled', subject: user.id, detail: {} }, change)
  })
}
