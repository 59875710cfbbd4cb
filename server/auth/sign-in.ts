import type { Clock } from '../clock.ts'
import type { SecretBox } from '../secrets.ts'
import { appendAudit } from '../store/audit.ts'
import type { Store } from '../store/client.ts'
import { findUserByEmail } from '../store/users.ts'
import { answerSecondFactor, assertFactorAnswered } from './second-factor.ts'
import { openSession } from './sessions.ts'
import { attemptSucceeded, beginAttempt, placeOf, type SignInLimits } from './sign-in-limits.ts'
import { verifyPasswordOf } from './verify-password-of.ts'

export type SignInDeps = { store: Store; clock: Clock; limits: SignInLimits; secrets: SecretBox }

export type SignInAttempt = { email: string; password: string; code?: string | undefined; ip: string; userAgent: string }
export type SignInResult = { userId: string; sessionId: string }

/**
 * Opens a session when the password is right; undefined when it is not. Where the account has a second factor, a right password
 * alone throws `second_factor_needed`, and a wrong code `wrong_code`; above the limits it throws `too_many_requests`.
 */
export async function signIn(deps: SignInDeps, attempt: SignInAttempt): Promise<SignInResult | undefined> {
  const place = placeOf(attempt.email, attempt.ip)
  const now = deps.clock.now()
  beginAttempt(deps.limits, place, now)

  const noteRefusal = () => {
    const event = { type: 'sign-in.refused', subject: place.account || '-', detail: { ip: attempt.ip } } as const
    return appendAudit(deps.store, event, { actor: 'system', at: now })
  }
  const user = await findUserByEmail(deps.store, attempt.email)
  const isRight = await verifyPasswordOf(user, attempt.password, deps.limits)
  if (!isRight || user === undefined) {
    await noteRefusal()
    return undefined
  }
  // Until the code is right too the attempt stays counted: else a known password would buy any number of guesses at it.
  const answer = await answerSecondFactor(deps, { userId: user.id, code: attempt.code })
  if (answer === 'wrong') await noteRefusal()
  assertFactorAnswered(answer)
  attemptSucceeded(deps.limits, place)
  return {
    userId: user.id,
    sessionId: await openSession(deps, { userId: user.id, passwordHash: user.passwordHash, ip: attempt.ip, userAgent: attempt.userAgent }),
  }
}
