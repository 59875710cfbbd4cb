import { attestationNonce, attestationNoncePreimage, attestationToken } from '#protocol/statements'
import type { Mdm } from '../../mdm/ports.ts'
import type { Clock } from '../clock.ts'
import type { Store } from '../store/client.ts'
import { appendMacEvent } from '../store/mac-events.ts'
import {
  type Claim,
  claimReattestations,
  failReattestation,
  fulfilReattestation,
  type WantedReattestation,
  wantReattestation,
} from '../store/reattestations.ts'
import type { ReattestationWish } from './choose-reattestation.ts'

export type ReattestationLimits = {
  /** Questions under way at once, over all replicas. */
  concurrency: number
  /** A wish waits up to this long before it is asked, so that Macs that come back together do not ask together. A person's does not. */
  jitterMs: number
}

export const DEFAULT_REATTESTATION_LIMITS: ReattestationLimits = { concurrency: 32, jitterMs: 20_000 }

export type ReattestationDeps = {
  store: Store
  mdm: Pick<Mdm, 'reattest'>
  clock: Clock
  random: (bytes: number) => Uint8Array
  limits: ReattestationLimits
}

export interface Reattestations {
  /** Enters a wish, unless it stands already. */
  want(wish: ReattestationWish): Promise<void>
  /** Asks for what is due, as far as the limit leaves room. Calls at the same time are one. True: something due was left waiting. */
  pump(): Promise<boolean>
  /** Apple has answered, or MDM could not ask: the next one may go. */
  answered(enrollmentId: string): Promise<void>
  failed(enrollmentId: string): Promise<void>
}

/** A Mac that is awake answers in seconds: it makes a key and asks Apple. */
const ANSWER_LIMIT_MS = 10 * 60_000
const RETRY_AFTER_MS = 60_000
const MAX_RETRY_AFTER_MS = 6 * 3600_000

/** Re-attestation over ACME: wishes kept in the database, asked a bounded number at a time, in the order of their urgency. */
export function createReattestations(deps: ReattestationDeps): Reattestations {
  const { store, clock, limits } = deps
  let pumping: Promise<boolean> | undefined

  /** Doubles with every attempt, with a share of chance. */
  function retryAt(attempts: number): Date {
    const afterMs = Math.min(MAX_RETRY_AFTER_MS, RETRY_AFTER_MS * 2 ** Math.min(20, Math.max(0, attempts - 1)))
    return new Date(clock.now().getTime() + afterMs * (1 + chance(deps.random)))
  }

  async function pump(): Promise<boolean> {
    const now = clock.now()
    const { claimed, isFull } = await claimReattestations(store, {
      now,
      limit: limits.concurrency,
      expiresAt: new Date(now.getTime() + ANSWER_LIMIT_MS),
      retryAt,
      claim: (wanted) => newClaim(deps, wanted),
    })
    for (const claim of claimed) await ask(deps, claim).catch(() => failReattestation(store, claim.enrollmentId, retryAt))
    return isFull
  }

  return {
    want: ({ priority, ...wish }) => {
      const at = clock.now()
      const delayMs = wish.cause === 'asked' ? 0 : chance(deps.random) * limits.jitterMs
      return wantReattestation(store, { ...wish, priority, dueAt: new Date(at.getTime() + delayMs), at })
    },
    pump: () => {
      pumping ??= pump().finally(() => {
        pumping = undefined
      })
      return pumping
    },
    answered: (enrollmentId) => fulfilReattestation(store, enrollmentId),
    failed: (enrollmentId) => failReattestation(store, enrollmentId, retryAt),
  }
}

function newClaim({ clock, random }: ReattestationDeps, { mac, enrollmentId, agentKey }: WantedReattestation): Claim {
  const issuedAt = clock.now()
  const preimage = attestationNoncePreimage({ mac, enrollmentId, agentKey, issuedAt: issuedAt.getTime(), random: random(32) })
  return { preimage, nonce: attestationNonce(preimage), token: attestationToken(preimage), issuedAt }
}

async function ask(deps: ReattestationDeps, { mac, enrollmentId, cause, token, issuedAt }: WantedReattestation & Claim): Promise<void> {
  await deps.mdm.reattest(enrollmentId, { token, ttlMs: ANSWER_LIMIT_MS })
  await appendMacEvent(deps.store, mac, { type: 'reattestation-requested', cause }, issuedAt)
}

const chance = (random: (bytes: number) => Uint8Array): number => Buffer.from(random(4)).readUInt32BE() / 0x1_0000_0000
