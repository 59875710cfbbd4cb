import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { base64url, fromBase64url, utf8 } from '#protocol/bytes'
import { DATA_KIND } from '#protocol/data-frames'
import { INITIAL_CREDIT_BYTES, PROTOCOL_VERSION } from '#protocol/frames'
import { type RequestId, randomBytes } from '#protocol/ids'
import type { EngineRequest } from '#protocol/inference'
import { Beat, openSigned } from '#protocol/statements'
import { runAgent } from './main.ts'
import type { AgentOptions, EngineChoice } from './options.ts'
import { readStatus } from './status-file.ts'
import { type AgentConnection, openAnswer, startCoordinator, type TestCoordinator } from './testing/coordinator.ts'
import { deliverTicket, setDevice, softwareFolder } from './testing/software-folder.ts'

const SIM: EngineChoice = { kind: 'sim', slots: 2, contextTokens: 100_000, ttftMs: 5, itlMs: 2 }
const log = pino({ level: 'silent' })

let coordinator: TestCoordinator
let mac: Awaited<ReturnType<typeof softwareFolder>>
let stop: AbortController
let running: Promise<void>

beforeEach(async () => {
  coordinator = await startCoordinator()
  mac = await softwareFolder()
  stop = new AbortController()
  running = Promise.resolve()
})

afterEach(async () => {
  stop.abort()
  await coordinator.close()
  await running
  await mac.remove()
})

/** Starts the agent; gives its first connection. */
async function startAgent(
  engine: EngineChoice = SIM,
  extras: { heartbeatMs?: number; drainDeadlineMs?: number } = {},
): Promise<AgentConnection> {
  const options: AgentOptions = {
    url: coordinator.url,
    platform: { kind: 'software', folder: mac.folder },
    engine,
    models: [{ name: 'sim-model', directory: '' }],
    stateFolder: join(mac.folder, 'agent'),
  }
  running = runAgent(options, stop.signal, { log, ...extras })
  return coordinator.nextAgent()
}

function requestFor(content: string, changes: Partial<EngineRequest> = {}): EngineRequest {
  return { model: 'sim-model', messages: [{ role: 'user', content }], sampling: { temperature: 0, topP: 1 }, stop: [], ...changes }
}

const ENDLESS = { maxTokens: 1_000_000 }

describe('the link', () => {
  test('says hello, and answers challenges with every claim in an unbroken chain', async () => {
    const agent = await startAgent()
    const hello = await agent.next('hello')
    expect(hello).toMatchObject({ protocol: PROTOCOL_VERSION, serial: 'SW0000000001', keyBindings: ['mdm-signed'] })
    expect(hello.revocations).toBeUndefined()
    const first = await agent.challenge(null)
    expect(first.value.claims).toMatchObject({ platform: 'software', sipEnabled: true, secureBoot: 'full', teamId: null, sealingKeys: [] })
    expect(Object.keys(first.value.claims.models)).toEqual(['sim-model'])
    await setDevice(mac.folder, { sip: false, secureBoot: 'reduced' })
    const second = await agent.challenge(first.digest)
    expect(second.value.claims).toMatchObject({ sipEnabled: false, secureBoot: 'reduced' })
  })

  test('closes on a challenge that breaks the chain', async () => {
    const agent = await startAgent()
    await agent.challenge(null)
    agent.send({ type: 'challenge', session: agent.session, nonce: 'AAAA', at: Date.now(), previous: 'cd'.repeat(32) })
    expect(await agent.closed).toMatchObject({ code: 1008, reason: 'challenge breaks the chain' })
  })

  test('closes on a frame of a known type with a wrong shape, and ignores unknown types', async () => {
    const agent = await startAgent()
    agent.socket.send(JSON.stringify({ type: 'from-the-future', words: 1 }))
    await agent.challenge()
    agent.socket.send(JSON.stringify({ type: 'status', trust: 'perhaps' }))
    expect(await agent.closed).toMatchObject({ code: 1008, reason: 'malformed frame' })
  })

  test('closes on a data frame that is none', async () => {
    const agent = await startAgent()
    await agent.challenge()
    agent.socket.send(Uint8Array.of(1, 2, 3))
    expect(await agent.closed).toMatchObject({ code: 1008 })
  })

  test('proves a ticket, waiting until MDM has delivered that very one', async () => {
    const agent = await startAgent()
    await agent.challenge()
    const ticket = randomBytes(32)
    await deliverTicket(mac.folder, 'an old ticket', randomBytes(32))
    const proof = agent.bind('ticket 7', ticket)
    await sleep(100)
    await deliverTicket(mac.folder, 'ticket 7', ticket)
    expect(await proof).toBe(true)
  })

  test('publishes a key configuration once trusted, and another for other evidence', async () => {
    const agent = await startAgent()
    const first = await agent.establish()
    expect(first.config).toMatchObject({ mac: agent.mac, evidenceDigest: 'ab'.repeat(32) })
    expect(first.config.notAfter - first.config.notBefore).toBeLessThanOrEqual(24 * 3600_000)
    const again = await agent.trust('ab'.repeat(32))
    expect(again.digest).toBe(first.digest)
    const second = await agent.trust('cd'.repeat(32))
    expect(second.config.publicKey).not.toBe(first.config.publicKey)
    const { value } = await agent.challenge()
    expect(value.claims.sealingKeys).toEqual([second.config.publicKey, first.config.publicKey])
  })

  test('keeps the old key for requests that were sealed to it before the change', async () => {
    const agent = await startAgent()
    const first = await agent.establish()
    await agent.trust('cd'.repeat(32))
    const { request, response } = await agent.ask(first, requestFor('still here'))
    await agent.next('done')
    expect(openAnswer(agent.chunks(request), response).text).toBe('still here')
  })

  test('sends signed heartbeats, numbered and of this boot session', async () => {
    const agent = await startAgent(SIM, { heartbeatMs: 30 })
    const hello = await agent.next('hello')
    agent.send({ type: 'challenge', session: agent.session, nonce: 'AAAA', at: 1, previous: null })
    const spki = fromBase64url(hello.agentKey) as Uint8Array
    for (const sequence of [0, 1, 2]) {
      const { beat, signature } = await agent.next('heartbeat')
      const opened = openSigned({ spki, purpose: 'heartbeat', signed: { body: beat, signature }, schema: Beat })
      expect(opened).toMatchObject({ ok: true, value: { sequence, session: agent.session, available: true, active: 0 } })
    }
  })

  test('dials again after the socket is lost, and keeps its key', async () => {
    const agent = await startAgent()
    const { agentKey } = await agent.next('hello')
    agent.socket.terminate()
    const again = await coordinator.nextAgent()
    expect((await again.next('hello')).agentKey).toBe(agentKey)
  })

  test('writes what it knows to the status file', async () => {
    const agent = await startAgent()
    await agent.establish()
    const status = () => readStatus(join(mac.folder, 'agent'))
    await expect
      .poll(status)
      .toMatchObject({ connected: true, trust: 'trusted', mac: agent.mac, pid: process.pid, capacity: { slots: 2, active: 0 } })
    agent.send({ type: 'status', mac: agent.mac, trust: 'refused', reasons: ['SIP_DISABLED'], evidenceDigest: null })
    await expect.poll(status).toMatchObject({ trust: 'refused', reasons: ['SIP_DISABLED'] })
  })
})

describe('a sealed request', () => {
  test('is answered in sealed chunks that end with the usage', async () => {
    const agent = await startAgent()
    const config = await agent.establish()
    const { request, response } = await agent.ask(config, requestFor('one two three'), { chunkBytes: 16 })
    expect(await agent.next('accepted')).toMatchObject({ request })
    expect(await agent.next('done')).toEqual({ type: 'done', request, usage: { promptTokens: 3, completionTokens: 3 } })
    const { text, events } = openAnswer(agent.chunks(request), response)
    expect(text).toBe('one two three')
    expect(events.at(-1)).toEqual({ type: 'finish', reason: 'stop', usage: { promptTokens: 3, completionTokens: 3 } })
  })

  test('with text that is ready together comes in few chunks, none larger than a frame', async () => {
    const agent = await startAgent({ ...SIM, ttftMs: 0, itlMs: 0 })
    const config = await agent.establish()
    const words = Array.from({ length: 2000 }, (_, i) => `word${i}`).join(' ')
    const { request, response } = await agent.ask(config, requestFor(`${words} ${'🦊'.repeat(5000)}`))
    await agent.next('done')
    expect(agent.chunks(request).length).toBeLessThan(20)
    expect(openAnswer(agent.chunks(request), response).text).toBe(`${words} ${'🦊'.repeat(5000)}`)
  })

  test('that is cancelled frees its slot within 100 ms', async () => {
    const agent = await startAgent({ ...SIM, slots: 1 })
    const config = await agent.establish()
    const { request } = await agent.ask(config, requestFor('on and on', ENDLESS))
    await sleep(50)
    const started = performance.now()
    agent.send({ type: 'cancel', request })
    const error = await agent.next('error')
    expect(performance.now() - started).toBeLessThan(100)
    expect(error).toMatchObject({ request, code: 'cancelled', usage: { promptTokens: 3 } })
    const after = await agent.ask(config, requestFor('next'))
    expect(await agent.next('done')).toMatchObject({ request: after.request })
  })

  test('that is cancelled before its body has come frees its slot too', async () => {
    const agent = await startAgent({ ...SIM, slots: 1 })
    const config = await agent.establish()
    const { request } = await agent.ask(config, requestFor('never'), { withoutBody: true })
    await agent.next('accepted')
    agent.send({ type: 'cancel', request })
    expect(await agent.next('error')).toMatchObject({ request, code: 'cancelled' })
  })

  test('stops the engine when its credit is used up, and goes on when more is granted', async () => {
    const agent = await startAgent({ ...SIM, ttftMs: 0, itlMs: 0 })
    const config = await agent.establish()
    const { request, response } = await agent.ask(config, requestFor('0123456789', { maxTokens: 20_000 }))
    await sleep(300)
    const sent = () => agent.chunks(request).reduce((total, chunk) => total + chunk.ciphertext.length, 0)
    const stalledAt = sent()
    expect(stalledAt).toBeGreaterThan(INITIAL_CREDIT_BYTES / 2)
    expect(stalledAt).toBeLessThanOrEqual(INITIAL_CREDIT_BYTES)
    await sleep(100)
    expect(sent()).toBe(stalledAt)
    agent.send({ type: 'credit', request, bytes: 1_000_000 })
    await agent.next('done')
    expect(openAnswer(agent.chunks(request), response).text).toHaveLength(20_000 * 11 - 1)
  })

  test('is refused when every slot is taken', async () => {
    const agent = await startAgent({ ...SIM, slots: 1 })
    const config = await agent.establish()
    const first = await agent.ask(config, requestFor('long', ENDLESS))
    const second = await agent.ask(config, requestFor('late'))
    expect(await agent.next('error')).toMatchObject({ request: second.request, code: 'no_free_slot' })
    agent.send({ type: 'cancel', request: first.request })
    expect(await agent.next('error')).toMatchObject({ request: first.request, code: 'cancelled' })
  })

  test('is refused when it was seen before', async () => {
    const agent = await startAgent()
    const config = await agent.establish()
    const { head } = await agent.ask(config, requestFor('once'))
    await agent.next('done')
    agent.send({ ...head, request: 'req_00000000000000000000' as RequestId })
    expect(await agent.next('error')).toMatchObject({ request: 'req_00000000000000000000', code: 'replayed_request' })
  })

  test('is refused when it was sealed too long ago', async () => {
    const agent = await startAgent()
    const config = await agent.establish()
    await agent.ask(config, requestFor('late'), { sealedAt: Date.now() - 200_000 })
    expect(await agent.next('error')).toMatchObject({ code: 'replayed_request' })
  })

  test('is refused when it names a key configuration that is not in force', async () => {
    const agent = await startAgent()
    const config = await agent.establish()
    await agent.ask(config, requestFor('hello'), { keyConfig: 'ef'.repeat(32) })
    expect(await agent.next('error')).toMatchObject({ code: 'key_config_unknown' })
  })

  test('is refused when it is sealed to a configuration that this key does not have', async () => {
    const agent = await startAgent()
    const config = await agent.establish()
    await agent.ask({ ...config, digest: 'ef'.repeat(32) }, requestFor('hello'), { keyConfig: config.digest })
    expect(await agent.next('error')).toMatchObject({ code: 'sealing_failed' })
  })

  test('is refused when one bit of it is wrong', async () => {
    const agent = await startAgent()
    const config = await agent.establish()
    const spoil = (ciphertext: Uint8Array): Uint8Array => ciphertext.map((byte, i) => (i === 3 ? byte ^ 1 : byte))
    await agent.ask(config, requestFor('hello'), { spoil })
    expect(await agent.next('error')).toMatchObject({ code: 'sealing_failed' })
  })

  test('is refused when a chunk is missing', async () => {
    const agent = await startAgent()
    const config = await agent.establish()
    const { request } = await agent.ask(config, requestFor('x'), { withoutBody: true })
    agent.sendData({ kind: DATA_KIND.requestChunk, request, sequence: 1, final: true, ciphertext: randomBytes(40) })
    expect(await agent.next('error')).toMatchObject({ request, code: 'sealing_failed' })
  })

  test.each([
    ['no JSON', utf8('not json')],
    ['no UTF-8', Uint8Array.of(0xff, 0xfe)],
    ['an unknown field', utf8(JSON.stringify({ ...requestFor('x'), secret: true }))],
    ['another model than announced', utf8(JSON.stringify({ ...requestFor('x'), model: 'another' }))],
  ])('is refused when it holds %s', async (_, body) => {
    const agent = await startAgent()
    const config = await agent.establish()
    await agent.ask(config, body)
    expect(await agent.next('error')).toMatchObject({ code: 'malformed_request' })
  })

  test('is refused for a model that is not loaded, before its body is sent', async () => {
    const agent = await startAgent()
    const config = await agent.establish()
    await agent.ask(config, requestFor('x'), { model: 'another', withoutBody: true })
    expect(await agent.next('error')).toMatchObject({ code: 'model_not_loaded' })
  })

  test('is refused when it does not fit into the context', async () => {
    const agent = await startAgent({ ...SIM, contextTokens: 10 })
    const config = await agent.establish()
    await agent.ask(config, requestFor('word '.repeat(20)))
    expect(await agent.next('error')).toMatchObject({ code: 'context_length_exceeded', usage: { completionTokens: 0 } })
  })

  test('ends when the socket goes, and nothing of it runs on', async () => {
    const agent = await startAgent({ ...SIM, slots: 1 })
    const config = await agent.establish()
    await agent.ask(config, requestFor('on and on', ENDLESS))
    await agent.next('accepted')
    agent.socket.terminate()
    const again = await coordinator.nextAgent()
    const next = await again.establish()
    const { request } = await again.ask(next, requestFor('after'))
    expect(await again.next('done')).toMatchObject({ request })
  })
})

describe('draining', () => {
  test('finishes running work, refuses new work, says drained and closes', async () => {
    const agent = await startAgent({ ...SIM, itlMs: 20 })
    const config = await agent.establish()
    const first = await agent.ask(config, requestFor('a b c d e f g h'))
    await agent.next('accepted')
    agent.send({ type: 'drain', reason: 'maintenance' })
    const second = await agent.ask(config, requestFor('late'))
    expect(await agent.next('error')).toMatchObject({ request: second.request, code: 'draining' })
    expect(await agent.next('done')).toMatchObject({ request: first.request })
    await agent.next('drained')
    expect(agent.waiting('capacity').at(-1)?.capacity.available).toBe(false)
    expect(await agent.closed).toMatchObject({ code: 1000 })
  })

  test('ends what still runs at the deadline', async () => {
    const agent = await startAgent(SIM, { drainDeadlineMs: 100 })
    const config = await agent.establish()
    const { request } = await agent.ask(config, requestFor('on', ENDLESS))
    await agent.next('accepted')
    agent.send({ type: 'drain', reason: 'maintenance' })
    expect(await agent.next('error')).toMatchObject({ request, code: 'draining' })
    await agent.next('drained')
  })

  test('happens when the agent is told to stop, which then returns', async () => {
    const agent = await startAgent({ ...SIM, itlMs: 20 })
    const config = await agent.establish()
    const { request } = await agent.ask(config, requestFor('a b c d e f'))
    await agent.next('accepted')
    stop.abort()
    expect(await agent.next('done')).toMatchObject({ request })
    await agent.next('drained')
    await running
    expect(await readStatus(join(mac.folder, 'agent'))).toMatchObject({ connected: false, trust: 'unknown' })
  })
})

test('the demo model answers over a sealed request', async () => {
  const options: AgentOptions = {
    url: coordinator.url,
    platform: { kind: 'software', folder: mac.folder },
    engine: { kind: 'llama', slots: 2, contextTokens: 2048, threads: 1 },
    models: [{ name: 'espalier-demo', directory: join(import.meta.dirname, '../test/models/demo') }],
    stateFolder: join(mac.folder, 'agent'),
  }
  running = runAgent(options, stop.signal, { log })
  const agent = await coordinator.nextAgent()
  const config = await agent.establish()
  const { request, response } = await agent.ask(config, { ...requestFor('Say exactly: PONG'), model: 'espalier-demo' })
  await agent.next('done')
  expect(openAnswer(agent.chunks(request), response).text).toBe('PONG')
  const endless = await agent.ask(config, { ...requestFor('Count from 1 to 130'), model: 'espalier-demo' })
  await sleep(50)
  const started = performance.now()
  agent.send({ type: 'cancel', request: endless.request })
  expect(await agent.next('error')).toMatchObject({ request: endless.request, code: 'cancelled' })
  expect(performance.now() - started).toBeLessThan(100)
})

test('tells the coordinator when a model has failed to load', async () => {
  const options: AgentOptions = {
    url: coordinator.url,
    platform: { kind: 'software', folder: mac.folder },
    engine: { kind: 'llama', slots: 1, contextTokens: 512, threads: 1 },
    models: [{ name: 'nothing', directory: mac.folder }],
    stateFolder: join(mac.folder, 'agent'),
  }
  running = runAgent(options, stop.signal, { log })
  const agent = await coordinator.nextAgent()
  await agent.challenge()
  const { capacity } = await agent.next('capacity')
  expect(capacity.models).toEqual([{ name: 'nothing', state: 'failed', error: expect.stringContaining('no .gguf file') }])
})

test('a log line never holds what was asked or answered', async () => {
  const lines: string[] = []
  const agent = await (async () => {
    const noisy = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) })
    const options: AgentOptions = {
      url: coordinator.url,
      platform: { kind: 'software', folder: mac.folder },
      engine: SIM,
      models: [{ name: 'sim-model', directory: '' }],
      stateFolder: join(mac.folder, 'agent'),
    }
    running = runAgent(options, stop.signal, { log: noisy })
    return coordinator.nextAgent()
  })()
  const config = await agent.establish()
  await agent.ask(config, requestFor('xylophone'))
  await agent.next('done')
  await agent.ask(config, utf8('{"xylophone":'))
  await agent.next('error')
  await sleep(20)
  expect(lines.length).toBeGreaterThan(3)
  expect(lines.join('')).not.toContain('xylophone')
  expect(lines.join('')).not.toContain(base64url(utf8('xylophone')).slice(0, 10))
})
