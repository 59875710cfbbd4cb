import { utf8 } from '#protocol/bytes'
import type { MacId, RequestId } from '#protocol/ids'
import type { EngineEvent, EngineRequest } from '#protocol/inference'
import { sealRequestTo } from '#protocol/sealing'
import type { Clock } from '../clock.ts'
import type { Claim, Queue } from '../scheduler/queue.ts'
import { MacFailure, mayRetryElsewhere } from './mac-failure.ts'
import type { Fleet, MacExchange } from './ports.ts'
import { createRelay, type Relay } from './relay.ts'

/** Macs that one request is sent to at most, one after the other, as long as none has begun to answer. */
const MAX_ATTEMPTS = 3
/** Plaintext bytes of one request chunk; with its header and tag a chunk stays well below MAX_DATA_FRAME_BYTES. */
const CHUNK_BYTES = 128 * 1024

export type DispatchDeps = { fleet: Fleet; queue: Queue; clock: Clock; onRetry?: (failure: MacFailure) => void }

export type DispatchedRequest = { id: RequestId; engine: EngineRequest; flow: string; signal: AbortSignal }

/** A request that a Mac has begun to answer. */
export type Running = { mac: MacId; evidenceDigest: string; first: EngineEvent; relay: Relay }

/**
 * Chooses a Mac, seals the request to it and waits for its first content. A Mac that fails before that in a way that another need
 * not share is passed over for the next; what one Mac has begun to say, no other ever continues.
 */
export async function dispatch(deps: DispatchDeps, request: DispatchedRequest): Promise<Running> {
  const exclude = new Set<string>()
  let failure: MacFailure | undefined
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const claim = await claimSlot(deps.queue, request, { exclude, failure })
    try {
      return await attemptOn(deps, request, claim)
    } catch (error) {
      if (!(error instanceof MacFailure) || !mayRetryElsewhere(error.code)) throw error
      failure = error
      deps.onRetry?.(error)
      // A Mac that has changed its key configuration may be asked again, under the new one.
      exclude.add(error.code === 'key_config_unknown' ? claim.mac.keyConfig.digest : claim.mac.mac)
    }
  }
  throw failure
}

/** When no other Mac is left to try, the caller learns why the last one failed. */
async function claimSlot(
  queue: Queue,
  { engine, flow, signal }: DispatchedRequest,
  earlier: { exclude: ReadonlySet<string>; failure: MacFailure | undefined },
): Promise<Claim> {
  const { exclude, failure } = earlier
  try {
    return await queue.claim({ model: engine.model, flow, exclude, isRetry: failure !== undefined, signal })
  } catch (error) {
    throw signal.aborted ? signal.reason : (failure ?? error)
  }
}

async function attemptOn(deps: DispatchDeps, request: DispatchedRequest, claim: Claim): Promise<Running> {
  const { mac, keyConfig } = claim.mac
  const relay = await sealTo(deps, request, claim)
  const first = await relay.next()
  return { mac, evidenceDigest: keyConfig.config.evidenceDigest, first, relay }
}

/** Seals the request to the claimed Mac and sends it; the claim ends when the exchange is open, or could not be. */
async function sealTo(deps: DispatchDeps, request: DispatchedRequest, claim: Claim): Promise<Relay> {
  const { mac, keyConfig } = claim.mac
  try {
    const sealer = await sealRequestTo(keyConfig)
    request.signal.throwIfAborted()
    const exchange = deps.fleet.open({
      mac,
      request: request.id,
      model: request.engine.model,
      keyConfigDigest: keyConfig.digest,
      enc: sealer.enc,
      sealedAt: deps.clock.now().getTime(),
    })
    if (exchange === undefined) throw new MacFailure('gone')
    const relay = createRelay(exchange, sealer.openResponse(), request.signal)
    void sendChunks(exchange, request.engine, sealer.seal).catch(() => exchange.cancel()) // a broken socket is told as `gone`
    return relay
  } finally {
    claim.release()
  }
}

async function sendChunks(
  exchange: MacExchange,
  engine: EngineRequest,
  seal: (plaintext: Uint8Array, final: boolean) => Promise<Uint8Array>,
): Promise<void> {
  const plaintext = utf8(JSON.stringify(engine))
  for (let start = 0; start < plaintext.length; start += CHUNK_BYTES) {
    const end = start + CHUNK_BYTES
    const isFinal = end >= plaintext.length
    await exchange.send(await seal(plaintext.subarray(start, end), isFinal), isFinal)
  }
}
