import { fromBase64url } from '#protocol/bytes'
import type { SignedKeyConfig } from '#protocol/frames'
import type { MacId } from '#protocol/ids'
import { MAX_KEY_CONFIG_LIFE_MS, openKeyConfig } from '#protocol/statements'
import type { ActiveKeyConfig } from '../inference/ports.ts'

/** The key configurations that a Mac has in force: judged when published, held with the one before (DESIGN §6). */

type KeyConfigRefusal =
  | 'malformed'
  | 'not_canonical'
  | 'bad_signature'
  | 'bad_public_key'
  | 'wrong_mac'
  | 'life_too_long'
  | 'not_current'
  /** Not a fault: the verdict may have changed while the configuration was on its way; the agent publishes anew. */
  | 'other_evidence'

type JudgedKeyConfig = { ok: true; active: ActiveKeyConfig } | { ok: false; reason: KeyConfigRefusal }

/** An old configuration lives this long after a change: requests sealed to it are on their way. */
const PREVIOUS_LIFE_MS = 10 * 60_000
/** How far a Mac's clock may be ahead of ours. */
const CLOCK_SKEW_MS = 2 * 60_000
const X25519_KEY_BYTES = 32

export function judgeKeyConfig(
  signed: SignedKeyConfig,
  expected: { agentKey: Uint8Array; mac: MacId; evidenceDigest: string; now: Date },
): JudgedKeyConfig {
  const opened = openKeyConfig(expected.agentKey, signed)
  if (!opened.ok) return opened
  const { value: config, digest } = opened
  const publicKey = fromBase64url(config.publicKey)
  const now = expected.now.getTime()
  if (publicKey?.length !== X25519_KEY_BYTES) return { ok: false, reason: 'bad_public_key' }
  if (config.mac !== expected.mac) return { ok: false, reason: 'wrong_mac' }
  if (config.notAfter - config.notBefore > MAX_KEY_CONFIG_LIFE_MS) return { ok: false, reason: 'life_too_long' }
  if (config.notBefore > now + CLOCK_SKEW_MS || config.notAfter <= now) return { ok: false, reason: 'not_current' }
  if (config.evidenceDigest !== expected.evidenceDigest) return { ok: false, reason: 'other_evidence' }
  return { ok: true, active: { config, digest, publicKey } }
}

interface KeyConfigs {
  publish(active: ActiveKeyConfig, now: Date): void
  /** The configuration that new requests are sealed to; undefined when it has run out or names other evidence. */
  current(evidenceDigest: string, now: Date): ActiveKeyConfig | undefined
  /** True when a request sealed to `digest` may still be sent: the current configuration, or the one before for ten minutes. */
  accepts(digest: string, now: Date): boolean
  clear(): void
}

export function createKeyConfigs(): KeyConfigs {
  let newest: ActiveKeyConfig | undefined
  let previous: { active: ActiveKeyConfig; until: number } | undefined
  const isRunning = (active: ActiveKeyConfig, now: Date) => now.getTime() < active.config.notAfter
  return {
    publish(active, now) {
      if (active.digest === newest?.digest) return
      if (newest !== undefined) previous = { active: newest, until: now.getTime() + PREVIOUS_LIFE_MS }
      newest = active
    },
    current(evidenceDigest, now) {
      if (newest === undefined || !isRunning(newest, now) || newest.config.evidenceDigest !== evidenceDigest) return undefined
      return newest
    },
    accepts(digest, now) {
      if (newest?.digest === digest) return isRunning(newest, now)
      if (previous?.active.digest !== digest) return false
      return now.getTime() < previous.until && isRunning(previous.active, now)
    },
    clear() {
      newest = undefined
      previous = undefined
    },
  }
}
