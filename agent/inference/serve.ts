import { concat, fromBase64url, utf8 } from '#protocol/bytes'
import { DATA_KIND, encodeDataFrame } from '#protocol/data-frames'
import type { CoordinatorFrame } from '#protocol/frames'
import { type EngineErrorCode, EngineRequest, type FinishReason, type Usage } from '#protocol/inference'
import { openRequestWith, type RequestOpener, type ResponseSealer, SealingError } from '#protocol/sealing'
import { type Engine, EngineError, type EngineRun } from '../engine/engine.ts'
import type { HeldKey, KeyRing } from '../link/key-ring.ts'
import type { Sender } from '../link/sender.ts'
import type { Credit } from './credit.ts'
import type { Inbox } from './inbox.ts'
import { joinReady } from './join-ready.ts'

export type RequestHead = Extract<CoordinatorFrame, { type: 'request' }>

/** One request on this Mac: how it was announced, and what still reaches it while it runs. */
export type Exchange = {
  head: RequestHead
  inbox: Inbox
  credit: Credit
  /** Aborts with an EngineError that says why. */
  signal: AbortSignal
}

export type ServeDeps = { engine: Engine; keys: KeyRing; sender: Sender; now: () => number }

/** Whether there is room for one more, decided by the desk, which counts. */
export type Admission = 'free' | 'full' | 'draining'

/** How it ended; for the log: no content. */
export type Outcome = { code: FinishReason | EngineErrorCode; usage: Usage | undefined; cause?: unknown }

/** A chunk may take this long to follow the one before. */
const CHUNK_TIMEOUT_MS = 30_000

/** Answers one sealed request. Always ends with exactly one `done` or `error`, and leaves nothing running. */
export async function serve(exchange: Exchange, admission: Admission, deps: ServeDeps): Promise<Outcome> {
  const { request } = exchange.head
  let run: EngineRun | undefined
  try {
    const { key, enc } = accept(exchange.head, admission, deps)
    deps.sender.control({ type: 'accepted', request })
    const opener = await openRequestWith(key.pair, { digest: key.digest, enc })
    const engineRequest = parseRequest(await collect(exchange, opener), exchange.head.model)
    run = deps.engine.generate(engineRequest, exchange.signal)
    const { usage, reason } = await respond(exchange, run, opener.sealResponse(), deps.sender)
    deps.sender.control({ type: 'done', request, usage })
    return { code: reason, usage }
  } catch (cause) {
    const code = errorCodeOf(cause, exchange.signal)
    const usage = run?.usage()
    deps.sender.control({ type: 'error', request, code, ...(usage && { usage }) })
    return { code, usage, cause }
  }
}

/** Everything that can be refused from the announcement alone; the replay guard last, so that a refusal for now can be tried again. */
function accept(head: RequestHead, admission: Admission, { engine, keys, now }: ServeDeps): { key: HeldKey; enc: Uint8Array } {
  if (admission === 'draining') throw new EngineError('draining')
  if (admission === 'full') throw new EngineError('no_free_slot')
  if (!engine.models().some(({ name, state }) => name === head.model && state === 'ready')) throw new EngineError('model_not_loaded')
  const key = keys.find(head.keyConfig)
  if (key === undefined) throw new EngineError('key_config_unknown')
  const enc = fromBase64url(head.enc)
  if (enc === undefined) throw new EngineError('malformed_request')
  if (key.guard.accept(enc, head.sealedAt, now()) !== 'accepted') throw new EngineError('replayed_request')
  return { key, enc }
}

/** Opens every chunk up to the final one. */
async function collect({ inbox, signal }: Exchange, opener: RequestOpener): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  try {
    for (;;) {
      const chunk = await inbox.take(AbortSignal.any([signal, AbortSignal.timeout(CHUNK_TIMEOUT_MS)]))
      parts.push(await opener.open(chunk))
      if (chunk.final) return concat(...parts)
    }
  } finally {
    for (const part of parts) part.fill(0)
  }
}

/** The bytes are zeroed when they have been read; the strings made of them cannot be, and live until they are collected. */
function parseRequest(body: Uint8Array, model: string): EngineRequest {
  try {
    const request = EngineRequest.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)))
    if (request.model !== model) throw new TypeError('announced for another model')
    return request
  } catch (cause) {
    throw new EngineError('malformed_request', { cause })
  } finally {
    body.fill(0)
  }
}

/** Seals and sends what the engine makes, as fast as the coordinator grants credit. The engine is left as soon as this returns. */
async function respond(
  { head, credit, signal }: Exchange,
  run: EngineRun,
  sealer: ResponseSealer,
  sender: Sender,
): Promise<{ reason: FinishReason; usage: Usage }> {
  const events = run[Symbol.asyncIterator]()
  let sequence = 0
  try {
    for await (const event of joinReady(events, signal)) {
      const final = event.type === 'finish'
      const ciphertext = sealAndForget(sealer, utf8(JSON.stringify(event)), final)
      await credit.take(ciphertext.length, signal)
      await sender.data(encodeDataFrame({ kind: DATA_KIND.responseChunk, request: head.request, sequence: sequence++, final, ciphertext }))
      if (final) return event
    }
    throw new EngineError('engine_failed', { detail: 'the engine ended without a finish' })
  } finally {
    // Not waited for: an engine in the middle of a token must not keep the slot of a cancelled request.
    events.return?.().catch(() => undefined)
  }
}

function sealAndForget(sealer: ResponseSealer, plaintext: Uint8Array, final: boolean): Uint8Array {
  try {
    return sealer.seal(plaintext, final)
  } finally {
    plaintext.fill(0)
  }
}

function errorCodeOf(error: unknown, signal: AbortSignal): EngineErrorCode {
  if (signal.aborted && signal.reason instanceof EngineError) return signal.reason.code
  if (error instanceof EngineError) return error.code
  if (error instanceof SealingError) return 'sealing_failed'
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'malformed_request'
  return 'engine_failed'
}
