import { AppError } from '../errors.ts'
import { appendAudit } from '../store/audit.ts'
import { markSteppedUp } from '../store/sessions.ts'
import { findUserByEmail } from '../store/users.ts'
import { answerSecondFactor, assertFactorAnswered } from './second-factor.ts'
import type { SignedIn } from './sessions.ts'
import type { SignInDeps } from './sign-in.ts'
import { attemptSucceeded, beginAttempt, placeOf } from './sign-in-limits.ts'
import { verifyPasswordOf } from './verify-password-of.ts'

/** How long a proof of presence is good for dangerous actions. */
export const STEP_UP_MS = 10 * 60_000

/** True while this very session's proof is young enough; a proof from the future, after a clock was set back, ages the same way. */
export function hasSteppedUp({ steppedUpAt }: Pick<SignedIn, 'steppedUpAt'>, now: Date): boolean {
  return steppedUpAt instanceof Date && Math.abs(now.getTime() - steppedUpAt.getTime()) < STEP_UP_MS
}

/**
 * Proves that the person of this one session is at the keyboard, by what signing in takes. Throws `wrong_password`,
 * `second_factor_needed`, `wrong_code`, and `too_many_requests` above the limits that signing in has too: a stolen session is no
 * better place to guess from.
 */
export async function stepUp(
  deps: SignInDeps,
  proof: { signedIn: SignedIn; password: string; code?: string | undefined; ip: string },
): Promise<{ until: Date }> {
  const { signedIn, ip } = proof
  const place = placeOf(signedIn.user.email, ip)
  const at = deps.clock.now()
  const actor = `user:${signedIn.user.id}` as const
  beginAttempt(deps.limits, place, at)

  const noteRefusal = () =>
    appendAudit(deps.store, { type: 'session.step-up-refused', subject: signedIn.sessionId, detail: { ip } }, { actor, at })
  const user = await findUserByEmail(deps.store, signedIn.user.email)
  if (!(await verifyPasswordOf(user, proof.password, deps.limits))) {
    await noteRefusal()
    throw new AppError('wrong_password', { param: 'password' })
  }
  const answer = await answerSecondFactor(deps, { userId: signedIn.user.id, code: proof.code })
  if (answer === 'wrong') await noteRefusal()
  assertFactorAnswered(answer)
  attemptSucceeded(deps.limits, place)
  await deps.store.$transaction(async (db) => {
    if (!(await markSteppedUp(db, signedIn.sessionId, at))) throw new AppError('not_signed_in')
    await appendAudit(db, { type: 'session.stepped-up', subject: signedIn.sessionId, detail: { ip } }, { actor, at })
  })
  return { until: new Date(at.getTime() + STEP_UP_MS) }
}
