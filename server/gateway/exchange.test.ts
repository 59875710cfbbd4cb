import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DATA_KIND } from '#protocol/data-frames'
import { INITIAL_CREDIT_BYTES } from '#protocol/frames'
import type { RequestId } from '#protocol/ids'
import type { ExchangeEvent, MacExchange, SealedRequestHead } from '../inference/ports.ts'
import {
  connectLive,
  connectRoutable,
  EVIDENCE,
  MAC,
  newRequestId,
  startGateway,
  type TestGateway,
  trusted,
  until,
} from './testing/gateway.ts'
import { CAPACITY, keyConfig, type ScriptedAgent } from './testing/scripted-agent.ts'

let gateway: TestGateway
let agent: ScriptedAgent
let digest: string
beforeEach(async () => {
  gateway = await startGateway({ timing: { cancelLimitMs: 200 } })
  const routable = await connectRoutable(gateway)
  agent = routable.agent
  digest = routable.digest
})
afterEach(() => gateway.close())

const usage = { promptTokens: 3, completionTokens: 5 }
const view = () => gateway.registry.snapshot().macs[0]

function head(changes: Partial<SealedRequestHead> = {}): SealedRequestHead {
  return { mac: MAC, request: newRequestId(), model: 'demo', keyConfigDigest: digest, enc: new Uint8Array(32), sealedAt: 1, ...changes }
}

function open(changes: Partial<SealedRequestHead> = {}): { exchange: MacExchange; request: RequestId } {
  const request = head(changes)
  const exchange = gateway.registry.open(request)
  if (exchange === undefined) throw new Error('no slot')
  return { exchange, request: request.request }
}

async function collect(exchange: MacExchange): Promise<ExchangeEvent[]> {
  const events: ExchangeEvent[] = []
  for await (const event of exchange.events) events.push(event)
  return events
}

const chunk = (request: RequestId, sequence: number, bytes = 32, final = false) =>
  agent.sendData({ kind: DATA_KIND.responseChunk, request, sequence, final, ciphertext: new Uint8Array(bytes).fill(sequence) })

describe('a request', () => {
  test('is announced, sent in chunks, answered in order, and its slot is free again after done', async () => {
    const { exchange, request } = open()
    expect(view()?.active).toBe(1)
    expect(await agent.next('request')).toMatchObject({ request, model: 'demo', keyConfig: digest, sealedAt: 1 })
    await exchange.send(Uint8Array.of(1), false)
    await exchange.send(Uint8Array.of(2), true)
    expect(await agent.nextData()).toMatchObject({ kind: 1, request, sequence: 0, final: false, ciphertext: Uint8Array.of(1) })
    expect(await agent.nextData()).toMatchObject({ sequence: 1, final: true, ciphertext: Uint8Array.of(2) })
    agent.send({ type: 'accepted', request })
    chunk(request, 0)
    chunk(request, 1, 32, true)
    agent.send({ type: 'done', request, usage })
    const events = await collect(exchange)
    expect(events.map((event) => event.type)).toEqual(['chunk', 'chunk', 'done'])
    expect(events[1]).toMatchObject({ sequence: 1, final: true })
    expect(view()?.active).toBe(0)
  })

  test('may be so short that a Mac answers hundreds in a second, and none of their frames counts against it', async () => {
    for (let i = 0; i < 700; i++) {
      const { exchange, request } = open()
      agent.send({ type: 'accepted', request })
      agent.send({ type: 'done', request, usage })
      expect(await collect(exchange)).toEqual([{ type: 'done', usage }])
    }
  })

  test('that fails on the Mac ends with its code and what it had used', async () => {
    const { exchange, request } = open()
    agent.send({ type: 'error', request, code: 'context_length_exceeded', usage })
    expect(await collect(exchange)).toEqual([{ type: 'error', code: 'context_length_exceeded', usage }])
    expect(view()?.active).toBe(0)
  })

  test('whose answer is longer than the first credit flows on as it is read', async () => {
    const { exchange, request } = open()
    const size = 8 * 1024
    const total = 20
    let creditBytes = INITIAL_CREDIT_BYTES
    const reading = collect(exchange)
    for (let sequence = 0; sequence < total; sequence++) {
      while (creditBytes < size) creditBytes += (await agent.next('credit')).bytes
      creditBytes -= size
      chunk(request, sequence, size)
    }
    agent.send({ type: 'done', request, usage })
    expect(await reading).toHaveLength(total + 1)
  })

  test('that nobody reads gets no more credit, and a Mac that sends on is cut', async () => {
    const { exchange, request } = open()
    for (let sequence = 0; sequence < 8; sequence++) chunk(request, sequence, INITIAL_CREDIT_BYTES / 8)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(agent.waiting('credit')).toBe(0)
    expect(gateway.registry.counts().live).toBe(1)
    chunk(request, 8, 16)
    expect(await agent.closed).toEqual({ code: 4429, reason: 'credit_overrun' })
    expect((await collect(exchange)).at(-1)).toEqual({ type: 'gone' })
  })

  test('gets no chunk too short to be one', async () => {
    const { request } = open()
    chunk(request, 0, 15)
    expect(await agent.closed).toEqual({ code: 4429, reason: 'credit_overrun' })
  })

  test('of the wrong direction closes the session', async () => {
    const { request } = open()
    agent.sendData({ kind: DATA_KIND.requestChunk, request, sequence: 0, final: true, ciphertext: new Uint8Array(32) })
    expect(await agent.closed).toEqual({ code: 1008, reason: 'wrong_direction' })
  })

  test('unknown here is ignored: its frames may have crossed the end', async () => {
    const request = newRequestId()
    chunk(request, 0)
    agent.send({ type: 'done', request, usage })
    agent.send({ type: 'capacity', capacity: { ...CAPACITY, slots: 7 } })
    await until(() => view()?.slots === 7)
  })
})

describe('a slot', () => {
  test('is given only while there is a free one', () => {
    open()
    open()
    expect(gateway.registry.open(head())).toBeUndefined()
    expect(view()).toMatchObject({ slots: 2, active: 2 })
  })

  test('is not given for an unknown Mac or key configuration', () => {
    expect(gateway.registry.open(head({ mac: 'mac_00000000000000other' as never }))).toBeUndefined()
    expect(gateway.registry.open(head({ keyConfigDigest: '00'.repeat(32) }))).toBeUndefined()
  })

  test('is not given by a Mac without trust, out of use, draining, or two challenges behind', async () => {
    agent.send({ type: 'capacity', capacity: { ...CAPACITY, available: false } })
    await until(() => view()?.available === false)
    expect(gateway.registry.open(head())).toBeUndefined()
    agent.send({ type: 'capacity', capacity: CAPACITY })
    await until(() => view()?.available === true)
    open().exchange.cancel()
    agent.send({ type: 'drained' })
    await until(() => view()?.isDraining === true)
    expect(gateway.registry.open(head())).toBeUndefined()
    gateway.registry.verdictChanged(MAC, { trust: 'refused', reasons: ['SIP_DISABLED'] })
    expect(gateway.registry.open(head())).toBeUndefined()
  })

  test('is not given once trust has run out', () => {
    gateway.advance(24 * 3600_000)
    expect(gateway.registry.open(head())).toBeUndefined()
  })

  test('is given for the key configuration before, but only for ten minutes', async () => {
    agent.send({ type: 'key-config', keyConfig: await keyConfig(agent, MAC) })
    await until(() => view()?.keyConfig?.digest !== digest)
    open().exchange.cancel()
    gateway.advance(10 * 60_000)
    expect(gateway.registry.open(head())).toBeUndefined()
    expect(gateway.registry.open(head({ keyConfigDigest: view()?.keyConfig?.digest as string }))).toBeDefined()
  })

  test('stays taken after a cancel until the Mac acknowledges', async () => {
    const { exchange, request } = open()
    exchange.cancel()
    exchange.cancel()
    expect(await agent.next('cancel')).toEqual({ type: 'cancel', request })
    expect(view()?.active).toBe(1)
    chunk(request, 0)
    agent.send({ type: 'error', request, code: 'cancelled', usage })
    expect(await collect(exchange)).toEqual([{ type: 'error', code: 'cancelled', usage }])
    expect(view()?.active).toBe(0)
    expect(agent.waiting('cancel')).toBe(0)
  })

  test('whose request was done before the cancel arrived is freed once, and ends as cancelled', async () => {
    const { exchange, request } = open()
    open()
    agent.send({ type: 'done', request, usage })
    exchange.cancel()
    agent.send({ type: 'error', request, code: 'cancelled' })
    expect(await collect(exchange)).toEqual([{ type: 'error', code: 'cancelled', usage }])
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(view()?.active).toBe(1)
  })

  test('whose Mac does not acknowledge a cancel is freed by cutting the Mac', async () => {
    const { exchange } = open()
    exchange.cancel()
    expect(await agent.closed).toEqual({ code: 4408, reason: 'cancel_not_acknowledged' })
    expect(await collect(exchange)).toEqual([{ type: 'gone' }])
  })

  test('is left by whoever stops reading', async () => {
    const { exchange, request } = open()
    chunk(request, 0)
    for await (const _ of exchange.events) break
    expect(await agent.next('cancel')).toEqual({ type: 'cancel', request })
  })

  test('goes with the socket: the events end with gone, and sending is harmless', async () => {
    const { exchange } = open()
    agent.close()
    expect(await collect(exchange)).toEqual([{ type: 'gone' }])
    await exchange.send(Uint8Array.of(1), true)
    exchange.cancel()
    expect(gateway.registry.snapshot().macs).toEqual([])
  })

  test('goes with the trust: the Mac is told to stop', async () => {
    const { exchange, request } = open()
    gateway.registry.verdictChanged(MAC, { trust: 'refused', reasons: ['ATTESTATION_STALE'] })
    expect(await collect(exchange)).toEqual([{ type: 'gone' }])
    expect(await agent.next('cancel')).toEqual({ type: 'cancel', request })
    expect(view()?.active).toBe(0)
  })

  test('is counted rightly whatever the order of done, error, cancel, chunks and reading', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('done', 'error', 'cancel', 'chunk', 'read'), { maxLength: 6 }), async (steps) => {
        const { exchange, request } = open()
        const iterator = exchange.events[Symbol.asyncIterator]()
        for (const step of steps) {
          if (step === 'done') agent.send({ type: 'done', request, usage })
          if (step === 'error') agent.send({ type: 'error', request, code: 'engine_failed' })
          if (step === 'cancel') exchange.cancel()
          if (step === 'chunk') chunk(request, 0)
          if (step === 'read') void iterator.next().catch(() => undefined)
        }
        exchange.cancel()
        agent.send({ type: 'error', request, code: 'cancelled' })
        await until(() => view()?.active === 0)
      }),
      { numRuns: 40 },
    )
    expect(gateway.registry.counts().live).toBe(1)
  })
})

describe('a slow Mac', () => {
  test('holds up its writer, lets control pass, and takes everything in the end', async () => {
    agent.pause()
    const { exchange, request } = open()
    const part = new Uint8Array(200 * 1024)
    let sent = 0
    const sending = (async () => {
      for (; sent < 60; sent++) await exchange.send(part, sent === 59)
    })()
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(sent).toBeLessThan(60)
    agent.resume()
    await sending
    expect(await agent.next('request')).toMatchObject({ request })
    for (let sequence = 0; sequence < 60; sequence++) expect(await agent.nextData()).toMatchObject({ sequence })
  })

  test('is not sent more than one request may hold', async () => {
    const { exchange } = open()
    const part = new Uint8Array(255 * 1024)
    const all = async () => {
      for (let i = 0; i < 66; i++) await exchange.send(part, false)
    }
    await expect(all()).rejects.toMatchObject({ code: 'payload_too_large' })
  })
})

describe('change', () => {
  const quiet = () => new AbortController().signal

  test('is told when a slot becomes free, and when the signal aborts', async () => {
    const { request } = open()
    const freed = gateway.registry.changed(quiet())
    agent.send({ type: 'done', request, usage })
    await freed
    expect(view()?.active).toBe(0)
    await gateway.registry.changed(AbortSignal.abort())
    const controller = new AbortController()
    const aborted = gateway.registry.changed(controller.signal)
    controller.abort()
    await aborted
  })

  test('is told when a Mac becomes routable', async () => {
    gateway.registry.verdictChanged(MAC, { trust: 'refused', reasons: [] })
    const told = gateway.registry.changed(quiet())
    gateway.registry.verdictChanged(MAC, trusted(agent))
    await told
  })
})

describe('draining', () => {
  test('gives no new work, lets the running finish, then closes with 1001', async () => {
    const { exchange, request } = open()
    const drained = gateway.registry.drainAll('shutdown', new AbortController().signal)
    expect(await agent.next('drain')).toMatchObject({ reason: 'shutdown' })
    expect(gateway.registry.open(head())).toBeUndefined()
    chunk(request, 0, 32, true)
    agent.send({ type: 'done', request, usage })
    expect((await collect(exchange)).map((event) => event.type)).toEqual(['chunk', 'done'])
    await drained
    expect(await agent.closed).toEqual({ code: 1001, reason: 'shutdown' })
    expect(gateway.desk.calls.at(-1)).toBe('sessionClosed shutdown')
  })

  test('cancels what still runs at the deadline', async () => {
    const { exchange } = open()
    const drained = gateway.registry.drainAll('shutdown', AbortSignal.timeout(50))
    const { request } = await agent.next('cancel')
    agent.send({ type: 'error', request, code: 'cancelled', usage })
    expect(await collect(exchange)).toEqual([{ type: 'error', code: 'cancelled', usage }])
    await drained
  })

  test('does not wait for ever for a Mac that acknowledges nothing', async () => {
    const { exchange } = open()
    await gateway.registry.drainAll('shutdown', AbortSignal.abort())
    expect(await collect(exchange)).toEqual([{ type: 'gone' }])
  })
})

test('new evidence takes the old key configuration out of the snapshot until the agent publishes one that names it', async () => {
  const evidenceDigest = 'dd'.repeat(32)
  gateway.registry.verdictChanged(MAC, trusted(agent, evidenceDigest))
  expect(view()).toMatchObject({ trust: 'trusted', evidenceDigest, keyConfig: undefined })
  // Requests sealed just before are on their way.
  open().exchange.cancel()
  agent.send({ type: 'key-config', keyConfig: await keyConfig(agent, MAC, { evidenceDigest }) })
  await until(() => view()?.keyConfig !== undefined)
  expect(EVIDENCE).not.toBe(evidenceDigest)
})

test('two sessions of one Mac never share slots: the displaced one ends its requests', async () => {
  const { exchange } = open()
  await connectLive(gateway, agent.signer)
  expect(await collect(exchange)).toEqual([{ type: 'gone' }])
  expect(view()).toMatchObject({ active: 0, keyConfig: undefined })
})
