import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { appendAudit } from '../store/audit.ts'
import type { Store } from '../store/client.ts'
import { findUserByEmail, normaliseEmail } from '../store/users.ts'
import { type AttemptLimiter, createAttemptLimiter } from './attempt-limiter.ts'
import { hashPassword, verifyPassword } from './passwords.ts'
import { openSession } from './sessions.ts'

export type SignInDeps = { store: Store; clock: Clock; limits: SignInLimits }

/** Guessing is slowed per address and account, and per address alone; each hash costs 64 MiB, so few are made at once. */
export type SignInLimits = { perAccount: AttemptLimiter; perAddress: AttemptLimiter; hashing: { now: number } }

const WINDOW_MS = 15 * 60_000
const MAX_HASHES_AT_ONCE = 8

export function createSignInLimits(): SignInLimits {
  return {
    perAccount: createAttemptLimiter({ attempts: 5, windowMs: WINDOW_MS, maxKeys: 10_000 }),
    perAddress: createAttemptLimiter({ attempts: 50, windowMs: WINDOW_MS, maxKeys: 10_000 }),
    hashing: { now: 0 },
  }
}

export type SignInAttempt = { email: string; password: string; ip: string; userAgent: string }
export type SignInResult = { userId: string; sessionId: string }

/** Opens a session when the password is right; undefined when it is not. Throws `too_many_requests` above the limits. */
export async function signIn(deps: SignInDeps, attempt: SignInAttempt): Promise<SignInResult | undefined> {
  const account = `${normaliseEmail(attempt.email)} ${attempt.ip}`
  refuseWhenLimited(deps, account, attempt.ip)
  // Counted before the answer is known, so that many attempts sent at once do not all pass the limit.
  const now = deps.clock.now()
  deps.limits.perAccount.failed(account, now)
  deps.limits.perAddress.failed(attempt.ip, now)

  const userId = await verifiedUser(deps, attempt)
  if (userId === undefined) {
    const event = {
      type: 'sign-in.refused',
      subject: normaliseEmail(attempt.email).slice(0, 200) || '-',
      detail: { ip: attempt.ip },
    } as const
    await appendAudit(deps.store, event, { actor: 'system', at: now })
    return undefined
  }
  deps.limits.perAccount.succeeded(account)
  return { userId, sessionId: await openSession(deps, { userId, ip: attempt.ip, userAgent: attempt.userAgent }) }
}

function refuseWhenLimited(deps: SignInDeps, account: string, ip: string): void {
  const now = deps.clock.now()
  const { perAccount, perAddress, hashing } = deps.limits
  const waitMs = Math.max(perAccount.waitMs(account, now), perAddress.waitMs(ip, now))
  if (waitMs === 0 && hashing.now < MAX_HASHES_AT_ONCE) return
  throw new AppError('too_many_requests', {
    public: 'Too many attempts to sign in. Try again later.',
    retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
  })
}

/** Takes the same time whether the account exists or not: an unknown one is checked against a hash that nothing matches. */
async function verifiedUser(deps: SignInDeps, attempt: SignInAttempt): Promise<string | undefined> {
  deps.limits.hashing.now++
  try {
    const user = await findUserByEmail(deps.store, attempt.email)
    const matches = await verifyPassword(attempt.password, user?.passwordHash ?? (await decoyHash()))
    return matches && user !== undefined && user.passwordHash !== null && user.disabledAt === null ? user.id : undefined
  } finally {
    deps.limits.hashing.now--
  }
}

let decoy: Promise<string> | undefined
/** Of a random password that nobody has; made once. */
function decoyHash(): Promise<string> {
  decoy ??= hashPassword(crypto.randomUUID())
  return decoy
}
