import { AppError } from '../errors.ts'
import { normaliseEmail } from '../store/users.ts'
import { type AccountDelay, createAccountDelay } from './account-delay.ts'
import { type AttemptLimiter, createAttemptLimiter } from './attempt-limiter.ts'
import { networkOf } from './network-of.ts'

/**
 * Guessing is limited for each network and account, and for each network alone; over all networks an account only slows down, so
 * that nobody can keep its owner out by guessing from elsewhere. A code of the second factor has six digits and is asked only of
 * who knew the password: there an account is limited over all networks. Each hash costs 64 MiB, so few are made at once.
 */
export type SignInLimits = {
  perNetworkAndAccount: AttemptLimiter
  perNetwork: AttemptLimiter
  account: AccountDelay
  secondFactor: AttemptLimiter
  /** Links that nobody made, for each network. */
  invitations: AttemptLimiter
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
    // Three codes of a million are right at any moment: ten guesses an hour find one in about a year and a half at even odds.
    secondFactor: createAttemptLimiter({ attempts: 10, windowMs: 60 * 60_000, maxKeys: 10_000 }),
    invitations: createAttemptLimiter({ attempts: 20, windowMs: WINDOW_MS, maxKeys: 10_000 }),
    hashing: { now: 0 },
  }
}

/** What attempts are counted by. */
export type Place = { account: string; network: string }

export const placeOf = (email: string, ip: string): Place => ({ account: normaliseEmail(email).slice(0, 200), network: networkOf(ip) })

/**
 * Counts an attempt, and throws `too_many_requests` above the limits. Counted before its outcome is known, so that many sent at
 * once do not all pass the limit; `attemptSucceeded` takes it back.
 */
export function beginAttempt(limits: SignInLimits, place: Place, now: Date): void {
  refuseWhenLimited(limits, place, now)
  limits.perNetworkAndAccount.failed(bothOf(place), now)
  limits.perNetwork.failed(place.network, now)
  limits.account.failed(place.account, place.network, now)
}

export function attemptSucceeded(limits: SignInLimits, place: Place): void {
  limits.perNetworkAndAccount.succeeded(bothOf(place))
  limits.account.succeeded(place.account, place.network)
}

/** Runs one costly hash among the few that may run at once. */
export async function hashingOne<T>(limits: SignInLimits, hash: () => Promise<T>): Promise<T> {
  if (limits.hashing.now >= MAX_HASHES_AT_ONCE) throw tooManyAttempts(0)
  limits.hashing.now++
  try {
    return await hash()
  } finally {
    limits.hashing.now--
  }
}

const bothOf = ({ account, network }: Place): string => `${account} ${network}`

function refuseWhenLimited({ perNetworkAndAccount, perNetwork, account, hashing }: SignInLimits, place: Place, now: Date): void {
  const waitMs = Math.max(
    perNetworkAndAccount.waitMs(bothOf(place), now),
    perNetwork.waitMs(place.network, now),
    account.waitMs(place.account, place.network, now),
  )
  if (waitMs > 0 || hashing.now >= MAX_HASHES_AT_ONCE) throw tooManyAttempts(waitMs)
}

export function tooManyAttempts(waitMs: number): AppError {
  return new AppError('too_many_requests', {
    public: 'Too many attempts. Try again later.',
    retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
  })
}
