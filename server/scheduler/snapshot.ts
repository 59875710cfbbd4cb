import type { ModelState } from '#protocol/frames'
import type { MacId } from '#protocol/ids'
import type { KeyConfig } from '#protocol/statements'

/** One Mac with a live session, as the scheduler sees it. Pure data: choosing is a function of this and the request. */
export type MacView = {
  mac: MacId
  trust: 'trusted' | 'refused' | 'unknown'
  reasons: readonly string[]
  /** The last challenge was answered in time and the session is not draining. */
  isLive: boolean
  isDraining: boolean
  available: boolean
  slots: number
  /** Requests the coordinator has open on it, which is the authority on free slots. */
  active: number
  models: readonly ModelState[]
  keyConfig: { config: KeyConfig; digest: string; publicKey: Uint8Array } | undefined
  evidenceDigest: string | undefined
}

export type FleetSnapshot = { macs: readonly MacView[] }
