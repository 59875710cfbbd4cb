import { AppError } from '../errors.ts'
import { appendAudit } from '../store/audit.ts'
import { revokeSessionsOf } from '../store/sessions.ts'
import { revokeInvitationsFor } from '../store/user-invitations.ts'
import { findUser, replacePassword } from '../store/users.ts'
import { assertGoodPassword } from './password-rules.ts'
import { hashPassword } from './passwords.ts'
import type { SignedIn } from './sessions.ts'
import type { SignInDeps } from './sign-in.ts'
import { attemptSucceeded, beginAttempt, hashingOne, placeOf } from './sign-in-limits.ts'
import { verifyPasswordOf } from './verify-password-of.ts'

export type PasswordChange = { signedIn: SignedIn; oldPassword: string; newPassword: string; ip: string }

/** Replaces one's own password against the old one. Every other session ends, and so does a reset link that was on its way. */
export async function changePassword(deps: SignInDeps, change: PasswordChange): Promise<{ sessionsEnded: number }> {
  const { signedIn, newPassword, ip } = change
  assertGoodPassword(newPassword, signedIn.user)
  const place = placeOf(signedIn.user.email, ip)
  const at = deps.clock.now()
  const context = { actor: `user:${signedIn.user.id}`, at } as const
  beginAttempt(deps.limits, place, at)

  const user = await findUser(deps.store, signedIn.user.id)
  const isRight = await verifyPasswordOf(user, change.oldPassword, deps.limits)
  if (!isRight || user === undefined || user.passwordHash === null) {
    await appendAudit(deps.store, { type: 'user.password-change-refused', subject: signedIn.user.id, detail: { ip } }, context)
    throw new AppError('wrong_password', { param: 'oldPassword', public: 'The present password is not right.' })
  }
  attemptSucceeded(deps.limits, place)
  if (newPassword.normalize('NFKC') === change.oldPassword.normalize('NFKC'))
    throw new AppError('invalid_request', { public: 'The new password is the old one.', param: 'newPassword' })

  const { passwordHash: from, email } = user
  const to = await hashingOne(deps.limits, () => hashPassword(newPassword))
  return deps.store.$transaction(async (db) => {
    // A reset that came between must win: it may have been made because this very session was stolen.
    if (!(await replacePassword(db, user.id, { from, to })))
      throw new AppError('conflict', { public: 'The password was changed meanwhile.' })
    const sessionsEnded = await revokeSessionsOf(db, user.id, { at, except: signedIn.sessionId })
    await revokeInvitationsFor(db, email, at)
    const detail = { how: 'old-password', sessionsEnded } as const
    await appendAudit(db, { type: 'user.password-changed', subject: user.id, detail }, context)
    return { sessionsEnded }
  })
}
