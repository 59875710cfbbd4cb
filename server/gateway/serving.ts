import { isEqual } from '#protocol/bytes'
import { DATA_KIND, type DataFrame } from '#protocol/data-frames'
import type { AgentFrame, Capacity } from '#protocol/frames'
import type { MacId, RequestId } from '#protocol/ids'
import type { Beat } from '#protocol/statements'
import type { Clock } from '../clock.ts'
import type { SessionVerdict } from '../fleet/ports.ts'
import type { MacExchange, SealedRequestHead } from '../inference/ports.ts'
import type { MacView } from '../scheduler/snapshot.ts'
import { CLOSE, type CloseCode } from './close-codes.ts'
import { type OpenExchange, openExchange } from './exchange.ts'
import { createKeyConfigs, judgeKeyConfig } from './key-configs.ts'
import type { SocketWriter } from './socket-writer.ts'

/** The working side of an admitted session: the verdict on its Mac, its key configurations, its slots and the requests on them. */
export interface Serving {
  view(isLive: boolean): MacView
  /** Reserves a slot; undefined unless the Mac may be given this very request now. */
  open(head: SealedRequestHead): MacExchange | undefined
  receive(frame: WorkFrame): void
  receiveChunk(chunk: DataFrame): void
  beat(beat: Beat): void
  judge(verdict: SessionVerdict | undefined): void
  drain(reason: string): void
  cancelAll(): void
  /** Ends every exchange with `gone`; the socket has closed. */
  vanish(): void
  readonly active: number
  readonly thermal: Capacity['thermal'] | undefined
}

type WorkFrame = Extract<AgentFrame, { type: 'key-config' | 'capacity' | 'accepted' | 'done' | 'error' | 'drained' }>

type ServingDeps = {
  mac: MacId
  agentKey: Uint8Array
  clock: Clock
  writer: SocketWriter
  capacity: Capacity | undefined
  cancelLimitMs: number
  changed: () => void
  close: (code: CloseCode, reason: string) => void
  /** Something that the bound key should have signed, it did not. */
  wronglySigned: () => void
  /** A key configuration that was not taken, for the log. */
  refused: (reason: string) => void
}

type Standing = { trust: 'trusted'; evidenceDigest: string; until: Date } | { trust: 'refused' | 'unknown'; reasons: readonly string[] }

const UNKNOWN: Standing = { trust: 'unknown', reasons: [] }
/** A verdict that nobody has renewed in time. */
const RUN_OUT: Standing = { trust: 'refused', reasons: ['ATTESTATION_STALE'] }

export function createServing(deps: ServingDeps): Serving {
  const { mac, agentKey, clock, writer } = deps
  const exchanges = new Map<RequestId, OpenExchange>()
  const keyConfigs = createKeyConfigs()
  let capacity = deps.capacity
  /** Undefined until the first verdict was looked for. */
  let judged: Standing | undefined
  let isDraining = false

  /** Trust runs out by itself, whether or not a newer verdict has arrived. */
  function current(): Standing {
    if (judged?.trust === 'trusted' && judged.until <= clock.now()) return RUN_OUT
    return judged ?? UNKNOWN
  }

  function publish(frame: Extract<AgentFrame, { type: 'key-config' }>): void {
    const standing = current()
    if (standing.trust !== 'trusted') {
      deps.refused('key_config_untrusted')
      return
    }
    const now = clock.now()
    const opened = judgeKeyConfig(frame.keyConfig, { agentKey, mac, evidenceDigest: standing.evidenceDigest, now })
    if (opened.ok) {
      keyConfigs.publish(opened.active, now)
      deps.changed()
      return
    }
    deps.refused(`key_config_${opened.reason}`)
    if (opened.reason === 'bad_signature') deps.wronglySigned()
    else if (opened.reason !== 'other_evidence') deps.close(CLOSE.protocol, `key_config_${opened.reason}`)
  }

  /** Without trust there is no key to seal to, and what runs is stopped. */
  function revoke(): void {
    keyConfigs.clear()
    for (const request of exchanges.keys()) writer.control({ type: 'cancel', request })
    vanish()
  }

  function standingView(): Pick<MacView, 'trust' | 'reasons' | 'keyConfig' | 'evidenceDigest'> {
    const standing = current()
    if (standing.trust !== 'trusted') return { ...standing, evidenceDigest: undefined, keyConfig: undefined }
    const { trust, evidenceDigest } = standing
    return { trust, reasons: [], evidenceDigest, keyConfig: keyConfigs.current(evidenceDigest, clock.now()) }
  }

  function tellStanding(told: Standing): void {
    const { trust } = told
    if (told.trust === 'trusted') writer.control({ type: 'status', mac, trust, reasons: [], evidenceDigest: told.evidenceDigest })
    else writer.control({ type: 'status', mac, trust, reasons: told.reasons.slice(0, 64), evidenceDigest: null })
  }

  function vanish(): void {
    for (const exchange of [...exchanges.values()]) exchange.vanish()
  }

  return {
    view: (isLive) => ({
      mac,
      ...standingView(),
      isLive: isLive && !isDraining,
      isDraining,
      available: capacity?.available ?? false,
      slots: capacity?.slots ?? 0,
      active: exchanges.size,
      models: capacity?.models ?? [],
    }),
    open(head) {
      if (current().trust !== 'trusted' || isDraining || capacity?.available !== true) return undefined
      if (exchanges.size >= capacity.slots || !keyConfigs.accepts(head.keyConfigDigest, clock.now())) return undefined
      if (exchanges.has(head.request)) throw new TypeError(`request ${head.request} is already open on ${mac}`)
      const exchange = openExchange(head, {
        writer,
        cancelLimitMs: deps.cancelLimitMs,
        onEnd: () => {
          exchanges.delete(head.request)
          deps.changed()
        },
        onDeaf: () => deps.close(CLOSE.silent, 'cancel_not_acknowledged'),
      })
      exchanges.set(head.request, exchange)
      return exchange
    },
    receive(frame) {
      switch (frame.type) {
        case 'key-config':
          publish(frame)
          break
        case 'capacity':
          capacity = frame.capacity
          deps.changed()
          break
        case 'done':
        case 'error':
          // Unknown here when it has ended already, by trust lost.
          exchanges.get(frame.request)?.finish(frame)
          break
        case 'accepted':
          break
        case 'drained':
          isDraining = true
          deps.changed()
          break
        default:
          frame satisfies never
      }
    },
    receiveChunk(chunk) {
      if (chunk.kind !== DATA_KIND.responseChunk) deps.close(CLOSE.protocol, 'wrong_direction')
      else if (exchanges.get(chunk.request)?.receive(chunk) === false) deps.close(CLOSE.overrun, 'credit_overrun')
    },
    beat({ available }) {
      if (capacity === undefined || capacity.available === available) return
      capacity = { ...capacity, available }
      deps.changed()
    },
    judge(verdict) {
      const next = standingOf(verdict, agentKey)
      const last = judged
      judged = next
      if (last !== undefined && isSame(last, next)) return
      if (next.trust !== 'trusted') revoke()
      tellStanding(next)
      deps.changed()
    },
    drain(reason) {
      isDraining = true
      writer.control({ type: 'drain', reason })
      deps.changed()
    },
    cancelAll() {
      for (const exchange of exchanges.values()) exchange.cancel()
    },
    vanish,
    get active() {
      return exchanges.size
    },
    get thermal() {
      return capacity?.thermal
    },
  }
}

/** Trust belongs to the key that the evidence names: a session under any other key of this Mac is refused. */
function standingOf(verdict: SessionVerdict | undefined, agentKey: Uint8Array): Standing {
  if (verdict === undefined) return UNKNOWN
  if (verdict.trust === 'refused') return { trust: 'refused', reasons: verdict.reasons }
  if (!isEqual(verdict.agentKey, agentKey)) return { trust: 'refused', reasons: ['AGENT_KEY_UNBOUND'] }
  return { trust: 'trusted', evidenceDigest: verdict.evidenceDigest, until: verdict.until }
}

/** Equal in what the agent is told. */
function isSame(a: Standing, b: Standing): boolean {
  if (a.trust === 'trusted') return b.trust === 'trusted' && a.evidenceDigest === b.evidenceDigest
  return a.trust === b.trust && a.reasons.join() === b.reasons.join()
}
