import { AppError } from '../errors.ts'
import { appendAudit } from '../store/audit.ts'
import type { Db } from '../store/client.ts'
import { removeSecondFactor } from '../store/second-factors.ts'
import { revokeSessionsOf } from '../store/sessions.ts'
import { findOpenInvitation, markInvitationUsed, type UserInvitationRow } from '../store/user-invitations.ts'
import { createUser, findUser, findUserByEmail, lockPeople, setPassword, type UserRow } from '../store/users.ts'
import type { PeopleDeps } from './change-person.ts'
import { networkOf } from './network-of.ts'
import { assertGoodPassword } from './password-rules.ts'
import { hashPassword } from './passwords.ts'
import { manageableRoles, type Role } from './permissions.ts'
import { hashingOne, type SignInLimits, tooManyAttempts } from './sign-in-limits.ts'
import { hashInvitationToken } from './user-invitations.ts'

export type AcceptDeps = PeopleDeps & { limits: SignInLimits }

/** What the page says before anything is typed. `name` is that of an account that exists. */
export type OpenInvitation = { purpose: 'join' | 'reset'; email: string; role: Role; name: string | null; expiresAt: Date }

/** Throws `gone` alike for a token that was never made, was used, was withdrawn or has expired. */
export async function lookAtInvitation(deps: AcceptDeps, { token, ip }: { token: string; ip: string }): Promise<OpenInvitation> {
  const { purpose, email, role, expiresAt, userId } = await findByToken(deps, token, ip)
  const user = userId === null ? undefined : await findUser(deps.store, userId)
  return { purpose, email, role, name: user?.name ?? null, expiresAt }
}

/**
 * Sets the password that the person chose, once: makes the account that the invitation names, or replaces a lost password, which
 * ends every session. Nobody is signed in by this; the new password is how they come in.
 */
export async function acceptInvitation(
  deps: AcceptDeps,
  acceptance: { token: string; name: string; password: string; ip: string },
): Promise<{ email: string }> {
  const invitation = await findByToken(deps, acceptance.token, acceptance.ip)
  const { email } = invitation
  assertGoodPassword(acceptance.password, { email, name: acceptance.name })
  const passwordHash = await hashingOne(deps.limits, () => hashPassword(acceptance.password))
  const at = deps.clock.now()
  await deps.store.$transaction(async (db) => {
    await lockPeople(db)
    if (!(await isStillMeant(db, invitation))) throw gone()
    const user =
      invitation.purpose === 'join' ? await join(db, { ...acceptance, invitation, passwordHash, at }) : await findReset(db, invitation)
    if (!(await markInvitationUsed(db, invitation.id, { at, userId: user.id }))) throw gone()
    if (invitation.purpose === 'reset') await reset(db, { user, invitation, passwordHash, at })
  })
  deps.cache.forgetAll()
  return { email }
}

/** Tokens have 256 bits: the limit is for whoever tries nevertheless. A right one is no guess, and clears what was counted. */
async function findByToken({ store, clock, limits }: AcceptDeps, token: string, ip: string): Promise<UserInvitationRow> {
  const now = clock.now()
  const network = networkOf(ip)
  const waitMs = limits.invitations.waitMs(network, now)
  if (waitMs > 0) throw tooManyAttempts(waitMs)
  limits.invitations.failed(network, now)
  const invitation = await findOpenInvitation(store, hashInvitationToken(token), now)
  if (invitation === undefined || !(await isStillMeant(store, invitation))) throw gone()
  limits.invitations.succeeded(network)
  return invitation
}

/** Whoever made the link must be able to make it today, for the role that the account has today: nobody leaves a back door behind. */
async function isStillMeant(db: Db, { invitedById, role, userId }: UserInvitationRow): Promise<boolean> {
  if (invitedById === null) return true
  const inviter = await findUser(db, invitedById)
  if (inviter === undefined || inviter.disabledAt !== null) return false
  const roles = [role, ...(userId === null ? [] : [(await findUser(db, userId))?.role ?? role])]
  return roles.every((each) => manageableRoles(inviter.role).includes(each))
}

type Joining = { name: string; invitation: UserInvitationRow; passwordHash: string; at: Date }

async function join(db: Db, { name, invitation, passwordHash, at }: Joining): Promise<UserRow> {
  const { email, role } = invitation
  if ((await findUserByEmail(db, email)) !== undefined) throw gone()
  const user = await createUser(db, { email, name, role, passwordHash, createdAt: at })
  const event = { type: 'user.joined', subject: user.id, detail: { invitation: invitation.id, role } } as const
  await appendAudit(db, event, { actor: `user:${user.id}`, at })
  return user
}

async function findReset(db: Db, { userId }: UserInvitationRow): Promise<UserRow> {
  const user = userId === null ? undefined : await findUser(db, userId)
  if (user === undefined || user.disabledAt !== null) throw gone()
  return user
}

type Reset = { user: UserRow; invitation: UserInvitationRow; passwordHash: string; at: Date }

async function reset(db: Db, { user, invitation, passwordHash, at }: Reset): Promise<void> {
  const context = { actor: `user:${user.id}`, at } as const
  await setPassword(db, user.id, passwordHash)
  const sessionsEnded = await revokeSessionsOf(db, user.id, { at })
  const changed = { type: 'user.password-changed', subject: user.id, detail: { how: 'reset-link', sessionsEnded } } as const
  await appendAudit(db, changed, context)
  if (!invitation.removesSecondFactor || !(await removeSecondFactor(db, user.id))) return
  await appendAudit(db, { type: 'user.second-factor-removed', subject: user.id, detail: { how: 'reset-link' } }, context)
}

const gone = (): AppError => new AppError('gone', { public: 'This link was used or withdrawn, or it has expired. Ask for a new one.' })
