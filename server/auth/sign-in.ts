import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { appendAudit } from '../store/audit.ts'
import type { Store } from '../store/client.ts'
import { findUserByEmail, normaliseEmail } from '../store/users.ts'
import { type AccountDelay, createAccountDelay } from './account-delay.ts'
import { type AttemptLimiter, createAttemptLimiter } from './attempt-limiter.ts'
import { networkOf } from './network-of.ts'
import { hashPassword, verifyPassword } from './passwords.ts'
import { openSession } from './sessions.ts'

export type SignInDeps = { store: Store; clock: Clock; limits: SignInLimits }

/**
 * Guessing is limited for each network and account, and for each network alone; over all networks an account only slows down, so
 * that nobody can keep its owner out by guessing from elsewhere. Each hash costs 64 MiB, so few are made at once.
 */
export type SignInLimits = {
  perNetworkAndAccount: AttemptLimiter
  perNetwork: AttemptLimiter
  account: AccountDelay
  hashing: { now: number }
}

const WINDOW_MS = 15 * 60_000
const MAX_HASHES_AT_ONCE = 8

export function createSignInLimits(): SignInLimits {
  return {
    perNetworkAndAccount: createAttemptLimiter({ attempts: 5, windowMs: WINDOW_MS, maxKeys: 10_000 }),
    perNetwork: createAttemptLimiter({ attempts: 50, windowMs: WINDOW_MS, maxKeys: 10_000 }),
    account: createAccountDelay({
      ...{ freeFailures: 10, firstDelayMs: 1000, maxDelayMs: WINDOW_MS, quietMs: WINDOW_MS },
      ...{ maxAccounts: 1000, maxNetworks: 1000 },
    }),
    hashing: { now: 0 },
  }
}

export type SignInAttempt = { email: string; password: string; ip: string; userAgent: string }
export type SignInResult = { userId: string; sessionId: string }

/** Opens a session when the password is right; undefined when it is not. Throws `too_many_requests` above the limits. */
export async function signIn(deps: SignInDeps, attempt: SignInAttempt): Promise<SignInResult | undefined> {
  const place: Place = { account: normaliseEmail(attempt.email).slice(0, 200), network: networkOf(attempt.ip) }
  refuseWhenLimited(deps, place)
  // Counted before the answer is known, so that many attempts sent at once do not all pass the limit.
  const now = deps.clock.now()
  countFailure(deps.limits, place, now)

  const userId = await verifiedUser(deps, attempt)
  if (userId === undefined) {
    const event = {
      type: 'sign-in.refused',
      subject: place.account || '-',
      detail: { ip: attempt.ip },
    } as const
    await appendAudit(deps.store, event, { actor: 'system', at: now })
    return undefined
  }
  deps.limits.perNetworkAndAccount.succeeded(bothOf(place))
  deps.limits.account.succeeded(place.account, place.network)
  return { userId, sessionId: await openSession(deps, { userId, ip: attempt.ip, userAgent: attempt.userAgent }) }
}

/** What failures are counted by. */
type Place = { account: string; network: string }
const bothOf = ({ account, network }: Place): string => `${account} ${network}`

function countFailure({ perNetworkAndAccount, perNetwork, account }: SignInLimits, place: Place, now: Date): void {
  perNetworkAndAccount.failed(bothOf(place), now)
  perNetwork.failed(place.network, now)
  account.failed(place.account, place.network, now)
}

function refuseWhenLimited(deps: SignInDeps, place: Place): void {
  const now = deps.clock.now()
  const { perNetworkAndAccount, perNetwork, account, hashing } = deps.limits
  const waitMs = Math.max(
    perNetworkAndAccount.waitMs(bothOf(place), now),
    perNetwork.waitMs(place.network, now),
    account.waitMs(place.account, place.network, now),
  )
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
