import { createHash } from 'node:crypto'
import { isEqual } from '#protocol/bytes'
import { type Claims, SILENCE_LIMIT_MS } from '#protocol/frames'
import type { MacId, SessionId } from '#protocol/ids'
import type { ProofOfLife } from '../store/proofs-of-life.ts'

/** What the current session of a Mac last said under its bound key. Lost with the process, as liveness must be. */
export type LiveSession = {
  session: SessionId
  agentKey: Uint8Array
  claims: Claims
  answeredAt: Date
  /** Since when this Mac is heard in this boot session, under this key, without more than 60 s of silence (DESIGN §4.6). */
  continuousSince: Date
  /** Earlier beginnings of that kind since Apple's last attestation. */
  earlierInterruptions: readonly Date[]
  isLost: boolean
}

type Answer = { session: SessionId; agentKey: Uint8Array; claims: Claims; at: Date }

export interface LiveSessions {
  find(mac: MacId): LiveSession | undefined
  answered(mac: MacId, answer: Answer): Promise<void>
  /** A signed heartbeat of the session. */
  heard(mac: MacId, session: SessionId, at: Date): void
  /** Apple has attested the Mac under a question that was put at `askedAt`: interruptions from before count no more. */
  attested(mac: MacId, askedAt: Date): void
  lost(mac: MacId, session: SessionId): void
  closed(mac: MacId, session: SessionId): void
  /** What has changed since it was last called. */
  takeUnsaved(): ProofOfLife[]
  /** Could not be saved: to be taken again, unless something newer is known. */
  putBack(proofs: readonly ProofOfLife[]): void
}

/**
 * Two small entries a Mac at most, so the size is bounded by the inventory. When a Mac was last heard outlives its session, and, through
 * `recall`, the process: a reconnect within a minute under the same key and boot session goes on where it was.
 */
export function createLiveSessions(recall: (mac: MacId) => Promise<ProofOfLife | undefined> = async () => undefined): LiveSessions {
  const sessions = new Map<MacId, LiveSession>()
  const proofs = new Map<MacId, ProofOfLife>()
  const unsaved = new Set<MacId>()

  function keep(proof: ProofOfLife): void {
    proofs.set(proof.mac, proof)
    unsaved.add(proof.mac)
  }

  async function newestProof(mac: MacId, at: Date): Promise<ProofOfLife | undefined> {
    const own = proofs.get(mac)
    if (own !== undefined && isWithoutSilence(own, at)) return own
    const stored = await recall(mac)
    return own === undefined || (stored !== undefined && stored.seenAt > own.seenAt) ? stored : own
  }

  return {
    find: (mac) => sessions.get(mac),
    async answered(mac, { session, agentKey, claims, at }) {
      const keySha256 = new Uint8Array(createHash('sha256').update(agentKey).digest())
      const known = await newestProof(mac, at)
      const goesOn =
        known !== undefined &&
        isEqual(known.keySha256, keySha256) &&
        known.bootSession === claims.bootSession &&
        isWithoutSilence(known, at)
      const continuity = goesOn ? pick(known) : beginAnew(known, at)
      const { continuousSince, interruptions } = continuity
      sessions.set(mac, { session, agentKey, claims, answeredAt: at, continuousSince, earlierInterruptions: interruptions, isLost: false })
      keep({ mac, keySha256, bootSession: claims.bootSession, ...continuity, seenAt: at })
    },
    heard(mac, session, at) {
      const proof = proofs.get(mac)
      const live = sessions.get(mac)
      if (proof === undefined || live?.session !== session || at <= proof.seenAt) return
      const continuity = isWithoutSilence(proof, at) ? pick(proof) : beginAnew(proof, at)
      sessions.set(mac, { ...live, continuousSince: continuity.continuousSince, earlierInterruptions: continuity.interruptions })
      keep({ ...proof, ...continuity, seenAt: at })
    },
    attested(mac, askedAt) {
      const proof = proofs.get(mac)
      if (proof === undefined) return
      const interruptions = proof.interruptions.filter((at) => at > askedAt)
      const live = sessions.get(mac)
      if (live !== undefined) sessions.set(mac, { ...live, earlierInterruptions: interruptions })
      keep({ ...proof, interruptions })
    },
    lost: (mac, session) => {
      const live = sessions.get(mac)
      if (live?.session === session) sessions.set(mac, { ...live, isLost: true })
    },
    closed: (mac, session) => {
      if (sessions.get(mac)?.session === session) sessions.delete(mac)
    },
    takeUnsaved() {
      const taken = [...unsaved].flatMap((mac) => proofs.get(mac) ?? [])
      unsaved.clear()
      return taken
    },
    putBack(taken) {
      for (const { mac } of taken) unsaved.add(mac)
    },
  }
}

/** What clocks of one installation may differ. Heard further ahead, a clock has gone back since, and nobody knows how long the silence was. */
const CLOCK_TOLERANCE_MS = 5_000

function isWithoutSilence({ seenAt }: ProofOfLife, at: Date): boolean {
  const silenceMs = at.getTime() - seenAt.getTime()
  return -CLOCK_TOLERANCE_MS <= silenceMs && silenceMs <= SILENCE_LIMIT_MS
}

type Continuity = Pick<ProofOfLife, 'continuousSince' | 'interruptions'>
const pick = ({ continuousSince, interruptions }: ProofOfLife): Continuity => ({ continuousSince, interruptions })

/** The oldest are kept: the grace after an interruption counts from the first one. */
const MAX_INTERRUPTIONS = 16

function beginAnew(known: ProofOfLife | undefined, at: Date): Continuity {
  const earlier = known === undefined ? [] : [...known.interruptions, known.continuousSince]
  return { continuousSince: at, interruptions: earlier.slice(0, MAX_INTERRUPTIONS) }
}
