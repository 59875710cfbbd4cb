import { hex, utf8 } from '#protocol/bytes'
import { INITIAL_CREDIT_BYTES } from '#protocol/frames'
import { type MacId, newId, randomBytes } from '#protocol/ids'
import { type EngineErrorCode, type EngineEvent, EngineRequest, type Usage } from '#protocol/inference'
import { generateSealingKeyPair, openRequestWith, type SealingKeyPair } from '#protocol/sealing'
import type { MacView } from '../../scheduler/snapshot.ts'
import type { ExchangeEvent, MacExchange, SealedRequestHead } from '../ports.ts'

/** What a scripted Mac does with one opened request. */
export type Script = (request: EngineRequest, cancelled: AbortSignal) => AsyncIterable<EngineEvent>

/** Thrown by a script: the agent's `error` frame. */
export class ScriptedError extends Error {
  readonly code: EngineErrorCode
  constructor(code: EngineErrorCode) {
    super(code)
    this.code = code
  }
}

export type ScriptedMac = {
  view: MacView
  script: Script
  /** What the network makes of the Mac's events; the identity by default. Nothing: the event is lost. */
  alter: (event: ExchangeEvent, index: number) => ExchangeEvent[]
  /** Plaintexts that were opened, in order. */
  readonly opened: EngineRequest[]
  readonly cancelledAt: number[]
  /** Response bytes sent in one exchange and not yet taken by the coordinator, at most. */
  mostInFlight: number
  /** Answers no cancel. */
  isDeaf: boolean
  /** Closes the socket: every exchange is `gone`. */
  vanish(): void
  open(head: SealedRequestHead, onEnd: () => void): MacExchange | undefined
}

export const says = (...texts: string[]): Script =>
  async function* () {
    for (const text of texts) yield { type: 'text', text }
    yield { type: 'finish', reason: 'stop', usage: { promptTokens: 7, completionTokens: texts.length } }
  }

/** An agent as the coordinator sees it, with a real sealing key: it opens what was sealed to it and seals its answers. */
export async function createScriptedMac(options: { model: string; slots?: number; script?: Script }): Promise<ScriptedMac> {
  const mac = newId<MacId>('mac')
  const key = await generateSealingKeyPair()
  const exchanges = new Set<{ vanish(): void }>()
  const now = Date.now()
  const evidenceDigest = hex(randomBytes(32))
  const self: ScriptedMac = {
    view: {
      mac,
      trust: 'trusted',
      reasons: [],
      isLive: true,
      isDraining: false,
      available: true,
      slots: options.slots ?? 4,
      active: 0,
      models: [{ name: options.model, state: 'ready' }],
      evidenceDigest,
      keyConfig: {
        digest: hex(randomBytes(32)),
        publicKey: key.publicKey,
        config: {
          v: 1,
          suite: 'x25519-hkdf-sha256-aes256gcm',
          publicKey: '',
          notBefore: now - 1000,
          notAfter: now + 3600_000,
          mac,
          evidenceDigest,
          build: 'scripted',
        },
      },
    },
    script: options.script ?? says('Hel', 'lo'),
    alter: (event) => [event],
    opened: [],
    cancelledAt: [],
    mostInFlight: 0,
    isDeaf: false,
    vanish() {
      self.view.isLive = false
      for (const exchange of exchanges) exchange.vanish()
    },
    open(head, onEnd) {
      const { view } = self
      if (!view.isLive || view.active >= view.slots) return undefined
      view.active++
      const exchange = createExchange(self, key, head, () => {
        exchanges.delete(exchange)
        view.active--
        onEnd()
      })
      exchanges.add(exchange)
      return exchange
    },
  }
  return self
}

function createExchange(mac: ScriptedMac, key: SealingKeyPair, head: SealedRequestHead, onEnd: () => void) {
  const arrived: ExchangeEvent[] = []
  const received: Uint8Array[] = []
  const stop = new AbortController()
  let wake = () => {}
  let credited = () => {}
  let inFlight = 0
  let hasEnded = false
  let usage: Usage = { promptTokens: 0, completionTokens: 0 }

  function arrive(event: ExchangeEvent): void {
    if (hasEnded) return
    arrived.push(event)
    if (event.type !== 'chunk') {
      hasEnded = true
      onEnd()
    }
    wake()
  }

  async function answer(): Promise<void> {
    try {
      const opener = await openRequestWith(key, { digest: head.keyConfigDigest, enc: head.enc })
      const parts: Uint8Array[] = []
      for (const [sequence, ciphertext] of received.entries()) {
        parts.push(await opener.open({ ciphertext, sequence, final: sequence === received.length - 1 }))
      }
      const request = EngineRequest.parse(JSON.parse(Buffer.concat(parts).toString()))
      mac.opened.push(request)
      const sealer = opener.sealResponse()
      let sequence = 0
      for await (const event of mac.script(request, stop.signal)) {
        if (hasEnded || stop.signal.aborted) break
        if (event.type === 'finish') usage = event.usage
        else usage = { promptTokens: 7, completionTokens: usage.completionTokens + 1 }
        const ciphertext = sealer.seal(utf8(JSON.stringify(event)), event.type === 'finish')
        const chunk = { type: 'chunk', sequence, final: event.type === 'finish', ciphertext } as const
        for (const altered of mac.alter(chunk, sequence++)) await transmit(altered)
      }
      if (!stop.signal.aborted) for (const altered of mac.alter({ type: 'done', usage }, sequence)) arrive(altered)
    } catch (error) {
      if (!(error instanceof ScriptedError)) throw error
      arrive({ type: 'error', code: error.code, usage })
    }
  }

  async function transmit(event: ExchangeEvent): Promise<void> {
    if (event.type === 'chunk') {
      while (inFlight >= INITIAL_CREDIT_BYTES && !stop.signal.aborted) await new Promise<void>((resolve) => (credited = resolve))
      inFlight += event.ciphertext.length
      mac.mostInFlight = Math.max(mac.mostInFlight, inFlight)
    }
    arrive(event)
  }

  async function* events(): AsyncGenerator<ExchangeEvent> {
    for (;;) {
      const event = arrived.shift()
      if (event === undefined) {
        if (hasEnded) return
        await new Promise<void>((resolve) => (wake = resolve))
        continue
      }
      if (event.type === 'chunk') inFlight -= event.ciphertext.length
      credited()
      yield event
    }
  }

  return {
    events: events(),
    async send(ciphertext: Uint8Array, final: boolean) {
      received.push(ciphertext)
      if (final) void answer()
    },
    cancel() {
      if (hasEnded || stop.signal.aborted) return
      mac.cancelledAt.push(Date.now())
      stop.abort()
      credited()
      if (!mac.isDeaf) arrive({ type: 'error', code: 'cancelled', usage })
    },
    vanish: () => arrive({ type: 'gone' }),
  }
}
