import { sha256 } from '@noble/hashes/sha2.js'
import { base64url, fromBase64url, hex } from '#protocol/bytes'
import type { SignedKeyConfig } from '#protocol/frames'
import type { MacId } from '#protocol/ids'
import { createReplayGuard, type ReplayGuard } from '#protocol/replay'
import { generateSealingKeyPair, type SealingKeyPair, SUITE } from '#protocol/sealing'
import { type KeyConfig, MAX_KEY_CONFIG_LIFE_MS, type Signer, signCanonical } from '#protocol/statements'

/** A configuration lives half of what the protocol allows, and the next is published an hour before its end. */
export const KEY_CONFIG_LIFE_MS = MAX_KEY_CONFIG_LIFE_MS / 2
export const PUBLISH_AHEAD_MS = 3600_000
/** DESIGN §6: an old key lives on for requests that were sealed before the change was seen. */
export const OLD_KEY_LIFE_MS = 10 * 60_000
/** Lets clocks of Mac and coordinator differ a little. */
const CLOCK_SKEW_MS = 60_000
/** A claim names four keys at most. */
const MAX_KEYS = 4
/** Requests left to a key's replay guard below which the key is replaced. */
const MIN_REMAINING = 10_000

/** A sealing key in force, with the guard that remembers what was sealed to it. */
export type HeldKey = { digest: string; pair: SealingKeyPair; guard: ReplayGuard }

/** The agent's sealing keys: made in memory, gone with the process, each named by the digest of its signed configuration. */
export interface KeyRing {
  /** The configuration for this Mac and evidence: the standing one, or a new one where that is about to end or names other evidence. */
  publish(subject: KeySubject): Promise<SignedKeyConfig>
  /** The key of a configuration in force. */
  find(digest: string): HeldKey | undefined
  /** Public keys in force (base64url), newest first. */
  publicKeys(): string[]
}

type KeySubject = { mac: MacId; evidenceDigest: string }

type Entry = HeldKey & { config: KeyConfig; signed: SignedKeyConfig; endsAt: number }

export function createKeyRing(options: { signer: Signer; build: string; now: () => number }): KeyRing {
  let entries: Entry[] = []
  let work: Promise<unknown> = Promise.resolve()

  function inForce(): Entry[] {
    const now = options.now()
    entries = entries.filter((entry) => now < entry.endsAt)
    return entries
  }

  async function publish(subject: KeySubject): Promise<SignedKeyConfig> {
    const current = inForce()[0]
    const now = options.now()
    if (current !== undefined && isFor(current, subject) && !isDue(current, now)) return current.signed
    const entry = await makeEntry({ ...options, subject, now })
    for (const old of entries) old.endsAt = Math.min(old.endsAt, now + OLD_KEY_LIFE_MS)
    entries = [entry, ...entries].slice(0, MAX_KEYS)
    return entry.signed
  }

  return {
    publish(subject) {
      // One after the other: two news at once must not make two keys.
      const result = work.then(() => publish(subject))
      work = result.catch(() => undefined)
      return result
    },
    find: (digest) => inForce().find((entry) => entry.digest === digest),
    publicKeys: () => inForce().map((entry) => entry.config.publicKey),
  }
}

const isFor = ({ config }: Entry, { mac, evidenceDigest }: KeySubject): boolean =>
  config.mac === mac && config.evidenceDigest === evidenceDigest

const isDue = (entry: Entry, now: number): boolean =>
  now >= entry.config.notAfter - PUBLISH_AHEAD_MS || entry.guard.remaining < MIN_REMAINING

async function makeEntry(options: { signer: Signer; build: string; subject: KeySubject; now: number }): Promise<Entry> {
  const pair = await generateSealingKeyPair()
  const notBefore = options.now - CLOCK_SKEW_MS
  const config: KeyConfig = {
    v: 1,
    suite: SUITE,
    publicKey: base64url(pair.publicKey),
    notBefore,
    notAfter: notBefore + KEY_CONFIG_LIFE_MS,
    ...options.subject,
    build: options.build,
  }
  const { body, signature } = await signCanonical(options.signer, 'key-config', config)
  const digest = hex(sha256(fromBase64url(body) as Uint8Array))
  return { digest, pair, guard: createReplayGuard(), config, signed: { config: body, signature }, endsAt: config.notAfter }
}
