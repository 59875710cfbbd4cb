import type { MacId, RequestId } from '#protocol/ids'
import type { EngineErrorCode, Usage } from '#protocol/inference'
import type { KeyConfig } from '#protocol/statements'
import type { FleetSnapshot } from '../scheduler/snapshot.ts'

/** What inference needs of the Macs' sockets; `gateway` implements it. */
export interface Fleet {
  /** The fleet as it is now; cheap, called for every request. */
  snapshot(): FleetSnapshot
  /** Resolves at the next change that could make a Mac routable or free a slot, or when `signal` aborts. */
  changed(signal: AbortSignal): Promise<void>
  /**
   * Reserves a slot on a routable Mac at once and announces the request to it. Undefined when the Mac has left, lost trust or has
   * no free slot any more: choose again. Whoever opens an exchange must drive it to its end or cancel it.
   */
  open(request: SealedRequestHead): MacExchange | undefined
}

export type SealedRequestHead = {
  mac: MacId
  request: RequestId
  model: string
  /** SHA-256 (hex) of the key configuration. */
  keyConfigDigest: string
  enc: Uint8Array
  sealedAt: number
}

/** One request on one Mac. */
export interface MacExchange {
  /** Sends one sealed request chunk; resolves when the socket can take more. */
  send(ciphertext: Uint8Array, final: boolean): Promise<void>
  /**
   * Everything the Mac answers, in order, ending after `done`, `error` or `gone`. Credit for more response bytes is granted as
   * the events are taken, so a slow reader slows the engine.
   */
  readonly events: AsyncIterable<ExchangeEvent>
  /** Tells the Mac to stop now; idempotent. The events then end with `error: cancelled`, or `gone`. */
  cancel(): void
}

export type ExchangeEvent =
  | { type: 'chunk'; sequence: number; final: boolean; ciphertext: Uint8Array }
  | { type: 'done'; usage: Usage }
  | { type: 'error'; code: EngineErrorCode; usage?: Usage }
  /** The socket closed, or the Mac lost its trust mid-stream. */
  | { type: 'gone' }

/** A Mac's current key configuration, verified against its bound key. */
export type ActiveKeyConfig = { config: KeyConfig; digest: string; publicKey: Uint8Array }
