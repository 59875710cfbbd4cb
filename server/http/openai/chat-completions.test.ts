import { request as httpRequest, type IncomingMessage } from 'node:http'
import OpenAI from 'openai'
import { afterEach, describe, expect, test } from 'vitest'
import { INITIAL_CREDIT_BYTES } from '#protocol/frames'
import type { EngineEvent } from '#protocol/inference'
import type { ExchangeEvent } from '../../inference/ports.ts'
import { createScriptedMac, type Script, ScriptedError, type ScriptedMac, says } from '../../inference/testing/scripted-mac.ts'
import { startOpenAiServer } from './testing/openai-server.ts'

type Server = Awaited<ReturnType<typeof startOpenAiServer>>
const servers: Server[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function serverWith(options: Parameters<typeof startOpenAiServer>[0]): Promise<Server> {
  const server = await startOpenAiServer(options)
  servers.push(server)
  return server
}

const aMac = (script?: Script, slots?: number): Promise<ScriptedMac> =>
  createScriptedMac({ model: 'm', ...(script === undefined ? {} : { script }), ...(slots === undefined ? {} : { slots }) })

const clientOf = (server: Server, apiKey = 'esp_all') => new OpenAI({ baseURL: server.url, apiKey, maxRetries: 0 })
const asked = { model: 'm', messages: [{ role: 'user' as const, content: 'Hi' }] }

function post(server: Server, body: object, options: { key?: string; signal?: AbortSignal } = {}): Promise<Response> {
  return fetch(`${server.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${options.key ?? 'esp_all'}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
}

const finish: EngineEvent = { type: 'finish', reason: 'stop', usage: { promptTokens: 7, completionTokens: 1 } }
const aborted = (signal: AbortSignal) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))

/** Says one word, then nothing until it is cancelled. */
const saysOneWord: Script = async function* (_request, cancelled) {
  yield { type: 'text', text: 'word' }
  await aborted(cancelled)
}
const fails = (code: ConstructorParameters<typeof ScriptedError>[0]): Script =>
  // biome-ignore lint/correctness/useYield: it fails before its first word
  async function* () {
    throw new ScriptedError(code)
  }

describe('the official client', () => {
  test('completes', async () => {
    const mac = await aMac()
    const server = await serverWith({ macs: [mac] })
    const { data, response } = await clientOf(server).chat.completions.create(asked).withResponse()
    expect(data).toMatchObject({
      object: 'chat.completion',
      model: 'm',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hello', refusal: null }, logprobs: null, finish_reason: 'stop' }],
      usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
    })
    expect(data.id).toMatch(/^chatcmpl-[0-9a-z]{20}$/)
    expect(response.headers.get('x-request-id')).toBe(`req_${data.id.slice(9)}`)
    expect(response.headers.get('x-espalier-mac')).toBe(mac.view.mac)
    expect(response.headers.get('x-espalier-mode')).toBe('gateway')
    expect(response.headers.get('x-espalier-attestation')).toBe(mac.view.evidenceDigest)
    expect(mac.opened).toEqual([{ model: 'm', messages: asked.messages, sampling: { temperature: 1, topP: 1 }, stop: [] }])
    expect(server.settled).toMatchObject([{ outcome: 'completed', mac: mac.view.mac, usage: { promptTokens: 7, completionTokens: 2 } }])
  })

  test('streams, with the usage at the end', async () => {
    const server = await serverWith({ macs: [await aMac(says('Hel', 'lo "you"\n'))] })
    const stream = await clientOf(server).chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } })
    const chunks = []
    for await (const chunk of stream) chunks.push(chunk)
    expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant')
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('Hello "you"\n')
    expect(chunks.map((chunk) => chunk.choices[0]?.finish_reason ?? null)).toEqual([null, null, null, 'stop', null])
    expect(chunks.map((chunk) => chunk.usage ?? null)).toEqual([
      null,
      null,
      null,
      null,
      { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
    ])
    expect(new Set(chunks.map(({ id, created, model, object }) => `${id} ${created} ${model} ${object}`)).size).toBe(1)
  })

  test('lists and finds the models that are served now', async () => {
    const mac = await createScriptedMac({ model: 'maker/model' })
    const server = await serverWith({ macs: [mac] })
    const client = clientOf(server, 'esp_models')
    expect((await client.models.list()).data).toMatchObject([{ id: 'maker/model', object: 'model', owned_by: 'espalier' }])
    expect(await client.models.retrieve('maker/model')).toMatchObject({ id: 'maker/model' })
    mac.view.trust = 'refused'
    expect((await client.models.list()).data).toEqual([])
    await expect(client.models.retrieve('maker/model')).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
  })

  test('gets errors as its own error classes', async () => {
    const server = await serverWith({ macs: [await aMac()] })
    await expect(clientOf(server).chat.completions.create({ ...asked, n: 2 })).rejects.toMatchObject({
      constructor: OpenAI.BadRequestError,
      code: 'unsupported_parameter',
      param: 'n',
      type: 'invalid_request_error',
    })
    await expect(clientOf(server, 'wrong').models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
    await expect(clientOf(server, 'esp_models').chat.completions.create(asked)).rejects.toBeInstanceOf(OpenAI.PermissionDeniedError)
    await expect(clientOf(server).chat.completions.create({ ...asked, model: 'unknown' })).rejects.toBeInstanceOf(OpenAI.NotFoundError)
  })
})

test('a stream has exactly OpenAI’s bytes', async () => {
  const server = await serverWith({ macs: [await aMac(says('Hi'))] })
  const response = await post(server, { ...asked, stream: true })
  const id = response.headers.get('x-request-id')?.slice(4)
  const events = (await response.text()).split('\n\n')
  const created = JSON.parse(events[0]?.slice(6) ?? '').created
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
  })
  const chunk = (delta: string, reason: string) =>
    `data: {"id":"chatcmpl-${id}","object":"chat.completion.chunk","created":${created},"model":"m","choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${reason}}]}`
  expect(events).toEqual([
    chunk('{"role":"assistant","content":"","refusal":null}', 'null'),
    chunk('{"content":"Hi"}', 'null'),
    chunk('{}', '"stop"'),
    'data: [DONE]',
    '',
  ])
})

test('nothing is committed before the first content', async () => {
  let speak = () => {}
  const silence = new Promise<void>((resolve) => {
    speak = resolve
  })
  const mac = await aMac(async function* () {
    await silence
    yield finish
  })
  const server = await serverWith({ macs: [mac] })
  let isAnswered = false
  const response = post(server, { ...asked, stream: true }).then((answer) => {
    isAnswered = true
    return answer
  })
  await expect.poll(() => mac.opened.length).toBe(1)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(isAnswered).toBe(false)
  speak()
  expect((await response).status).toBe(200)
})

test('a prompt of several chunks arrives whole', async () => {
  const mac = await aMac()
  const server = await serverWith({ macs: [mac] })
  const content = 'prömpt '.repeat(100_000)
  await clientOf(server).chat.completions.create({ ...asked, messages: [{ role: 'user', content }] })
  expect(mac.opened[0]?.messages[0]?.content === content).toBe(true)
})

describe('a client that goes away', () => {
  test.each([true, false])('stops the Mac at once, streaming: %s', async (stream) => {
    const mac = await aMac(saysOneWord, 1)
    const server = await serverWith({ macs: [mac] })
    const gone = new AbortController()
    const response = post(server, { ...asked, stream }, { signal: gone.signal })
    if (stream) await (await response).body?.getReader().read()
    else await expect.poll(() => mac.opened.length).toBe(1)
    const at = Date.now()
    gone.abort()
    await response.catch(() => undefined)
    await expect.poll(() => mac.cancelledAt.length).toBe(1)
    expect((mac.cancelledAt[0] ?? 0) - at).toBeLessThan(1000)
    await expect.poll(() => server.settled).toMatchObject([{ outcome: 'cancelled', usage: { completionTokens: 1 } }])
    expect(mac.view.active).toBe(0)
  })

  test('before the first word stops the Mac too, and one in line leaves it', async () => {
    const mac = await aMac(async function* (_request, cancelled) {
      await aborted(cancelled)
      yield finish
    }, 1)
    const server = await serverWith({ macs: [mac] })
    const gone = new AbortController()
    const requests = [post(server, asked, { signal: gone.signal }), post(server, asked, { signal: gone.signal })]
    await expect.poll(() => server.queue.length()).toBe(1)
    gone.abort()
    await Promise.allSettled(requests)
    await expect.poll(() => server.settled.map((ending) => ending.errorCode)).toEqual(['client_closed', 'client_closed'])
    expect(mac.cancelledAt).toHaveLength(1)
    expect(server.queue.length()).toBe(0)
  })

  test('is settled even when the Mac answers no cancel', async () => {
    const mac = await aMac(saysOneWord)
    mac.isDeaf = true
    const server = await serverWith({ macs: [mac] })
    const gone = new AbortController()
    const response = await post(server, { ...asked, stream: true }, { signal: gone.signal })
    await response.body?.getReader().read()
    gone.abort()
    await expect.poll(() => server.settled, { timeout: 4000 }).toMatchObject([{ outcome: 'cancelled' }])
  })
})

test('a slow reader slows the Mac down, and still gets everything', async () => {
  const megabyte = 'x'.repeat(16 * 1024)
  let made = 0
  const mac = await aMac(async function* () {
    for (; made < 600; made++) yield { type: 'text', text: megabyte }
    yield finish
  })
  const server = await serverWith({ macs: [mac] })
  const response = await openStream(server)
  response.pause()
  await new Promise((resolve) => setTimeout(resolve, 400))
  const madeWhilePaused = made
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(made).toBe(madeWhilePaused)
  expect(made).toBeLessThan(590)
  expect(mac.mostInFlight).toBeLessThan(INITIAL_CREDIT_BYTES + 2 * megabyte.length)
  let bytes = 0
  for await (const part of response) bytes += (part as Buffer).length
  expect(bytes).toBeGreaterThan(600 * megabyte.length)
})

function openStream(server: Server): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${server.url}/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer esp_all', 'content-type': 'application/json' },
    })
    request.on('response', resolve).on('error', reject)
    request.end(JSON.stringify({ ...asked, stream: true }))
  })
}

describe('a Mac that fails before its first word', () => {
  test.each(['no_free_slot', 'draining', 'model_not_loaded', 'key_config_unknown'] as const)(
    'with %s is passed over for another',
    async (code) => {
      const [failing, good] = [await aMac(fails(code)), await aMac()]
      good.view.active = 1 // so that the failing one is chosen first
      const server = await serverWith({ macs: [failing, good] })
      expect((await clientOf(server).chat.completions.create(asked)).choices[0]?.message.content).toBe('Hello')
      expect(failing.opened).toHaveLength(1)
      expect(server.settled).toMatchObject([{ outcome: 'completed', mac: good.view.mac }])
    },
  )

  test('by vanishing is passed over for another', async () => {
    const vanishing = await aMac(async function* () {
      vanishing.vanish()
      yield finish
    })
    const good = await aMac()
    good.view.active = 1
    const server = await serverWith({ macs: [vanishing, good] })
    expect((await post(server, asked)).headers.get('x-espalier-mac')).toBe(good.view.mac)
  })

  test.each([
    ['engine_failed', 502, 'mac_failed'],
    ['sealing_failed', 502, 'mac_failed'],
    ['context_length_exceeded', 400, 'context_length_exceeded'],
  ] as const)('with %s is the answer: %i %s', async (code, status, told) => {
    const [failing, other] = [await aMac(fails(code)), await aMac()]
    other.view.active = 1
    const server = await serverWith({ macs: [failing, other] })
    const response = await post(server, { ...asked, stream: true })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: { code: told } })
    expect(other.opened).toHaveLength(0)
    expect(server.settled).toMatchObject([{ outcome: 'failed', errorCode: told }])
  })

  test('three times is tried no fourth time', async () => {
    const macs = await Promise.all(Array.from({ length: 4 }, () => aMac(fails('no_free_slot'))))
    const server = await serverWith({ macs })
    expect((await post(server, asked)).status).toBe(429)
    expect(macs.reduce((sum, mac) => sum + mac.opened.length, 0)).toBe(3)
  })

  test('by falling silent when it is the only one tells why', async () => {
    const vanishing = await aMac(async function* () {
      vanishing.vanish()
      yield finish
    })
    const response = await post(await serverWith({ macs: [vanishing] }), asked)
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({ error: { code: 'mac_vanished', type: 'api_error' } })
  })
})

describe('a Mac that fails after its first word', () => {
  const breaksOff: Script = async function* () {
    yield { type: 'text', text: 'half' }
    throw new ScriptedError('engine_failed')
  }

  test('is not replaced: the stream ends with one error event and no [DONE]', async () => {
    const [breaking, other] = [await aMac(breaksOff), await aMac()]
    other.view.active = 1
    const server = await serverWith({ macs: [breaking, other] })
    const events = (await (await post(server, { ...asked, stream: true })).text()).trim().split('\n\n')
    expect(JSON.parse(events.at(-1)?.slice(6) ?? '')).toEqual({
      error: { message: 'The Mac could not finish this request.', type: 'api_error', code: 'mac_failed', param: null },
    })
    expect(events).toHaveLength(3)
    expect(other.opened).toHaveLength(0)
    expect(server.settled).toMatchObject([{ outcome: 'failed', errorCode: 'mac_failed', usage: { completionTokens: 1 } }])
  })

  test('fails the official client’s loop, and a request that was not streamed has the status', async () => {
    const server = await serverWith({ macs: [await aMac(breaksOff)] })
    const read = async () => {
      for await (const _ of await clientOf(server).chat.completions.create({ ...asked, stream: true }));
    }
    await expect(read()).rejects.toBeInstanceOf(OpenAI.APIError)
    expect((await post(server, asked)).status).toBe(502)
  })
})

describe('what the network does to the answer', () => {
  const chunkAt =
    (position: number, change: (chunk: ExchangeEvent & { type: 'chunk' }) => ExchangeEvent[]) => (event: ExchangeEvent, index: number) =>
      event.type === 'chunk' && index === position ? change(event) : [event]
  const flipped = (bytes: Uint8Array) => bytes.map((byte, index) => (index === bytes.length - 1 ? byte ^ 1 : byte))
  let kept: ExchangeEvent[] = []

  test.each([
    ['a flipped bit', chunkAt(1, (chunk) => [{ ...chunk, ciphertext: flipped(chunk.ciphertext) }])],
    ['a dropped chunk', chunkAt(1, () => [])],
    ['a dropped and renumbered chunk', (event: ExchangeEvent, index: number) => dropAndRenumber(event, index)],
    ['a repeated chunk', chunkAt(1, (chunk) => [chunk, chunk])],
    ['two chunks swapped', (event: ExchangeEvent, index: number) => swap(event, index)],
    ['a final chunk marked as not final', chunkAt(3, (chunk) => [{ ...chunk, final: false }])],
    ['a chunk marked as final', chunkAt(1, (chunk) => [{ ...chunk, final: true }])],
    ['a missing final chunk', chunkAt(3, () => [])],
    ['a socket that closes before the final chunk', chunkAt(3, () => [{ type: 'gone' }])],
  ])('%s is told as an error, never as an end', async (_name, alter) => {
    kept = []
    const mac = await aMac(says('one', 'two', 'three'))
    mac.alter = alter
    const server = await serverWith({ macs: [mac] })
    const text = await (await post(server, { ...asked, stream: true })).text()
    expect(text).toContain('"error":')
    expect(text).not.toContain('[DONE]')
    expect(server.settled).toMatchObject([{ outcome: 'failed' }])
    await expect.poll(() => mac.view.active).toBe(0)
  })

  function dropAndRenumber(event: ExchangeEvent, index: number): ExchangeEvent[] {
    if (event.type !== 'chunk' || index === 0) return [event]
    return index === 1 ? [] : [{ ...event, sequence: event.sequence - 1 }]
  }

  function swap(event: ExchangeEvent, index: number): ExchangeEvent[] {
    if (index === 1) {
      kept = [event]
      return []
    }
    return index === 2 ? [event, ...kept] : [event]
  }

  test('unchanged, it is a whole answer', async () => {
    const server = await serverWith({ macs: [await aMac(says('one', 'two', 'three'))] })
    expect(await (await post(server, { ...asked, stream: true })).text()).toContain('[DONE]')
  })
})

describe('with no Mac to serve it', () => {
  test('a known model is 503 with the reasons and when to come again', async () => {
    const mac = await aMac()
    mac.view.trust = 'refused'
    const server = await serverWith({ macs: [mac] })
    const response = await post(server, asked)
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('15')
    expect(await response.json()).toMatchObject({
      error: { code: 'no_trusted_mac', type: 'api_error', message: expect.stringContaining('1 not trusted') },
    })
    expect((await post(server, { ...asked, model: 'offered' })).status).toBe(503)
  })

  test('all slots taken, it waits, and gives up with its place in line', async () => {
    const mac = await aMac(saysOneWord, 1)
    const server = await serverWith({ macs: [mac], queue: { waitLimitMs: 50 } })
    const running = await post(server, { ...asked, stream: true })
    const response = await post(server, asked)
    expect(response.status).toBe(429)
    expect(response.headers.get('x-espalier-queue-position')).toBe('1')
    expect(response.headers.get('retry-after')).toBe('5')
    expect(await response.json()).toMatchObject({ error: { code: 'queue_timeout', type: 'rate_limit_error' } })
    await running.body?.cancel()
  })

  test('a waiting request is served when a slot is free again', async () => {
    let turn = 0
    const mac = await aMac((request, cancelled) => (turn++ === 0 ? saysOneWord(request, cancelled) : says('served')(request, cancelled)), 1)
    const server = await serverWith({ macs: [mac] })
    const running = await post(server, { ...asked, stream: true })
    const waiting = clientOf(server).chat.completions.create(asked)
    await expect.poll(() => server.queue.length()).toBe(1)
    await running.body?.cancel()
    expect((await waiting).choices[0]?.message.content).toBe('served')
  })
})

test('a hundred requests at once never exceed the slots, and are all served', async () => {
  const macs = await Promise.all([aMac(says('x'), 3), aMac(says('x'), 2)])
  const server = await serverWith({ macs })
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, n) => post(server, { ...asked, stream: n % 2 === 0 }, { key: `esp_${n % 7}` })),
  )
  expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]))
  await Promise.all(answers.map((answer) => answer.text()))
  expect(server.settled).toHaveLength(100)
  expect(new Set(server.settled.map(({ id }) => id)).size).toBe(100)
})

test('shutdown refuses new requests and ends running streams with an error', async () => {
  const server = await serverWith({ macs: [await aMac(saysOneWord)] })
  const running = await post(server, { ...asked, stream: true })
  await server.inference.close(AbortSignal.timeout(50))
  expect(await running.text()).toContain('"code":"shutting_down"')
  expect((await post(server, asked)).status).toBe(503)
})

test('the metrics count what happened', async () => {
  const server = await serverWith({ macs: [await aMac()] })
  await clientOf(server).chat.completions.create(asked)
  const text = await server.registry.metrics()
  expect(text).toContain('espalier_inference_requests_total{model="m",outcome="completed",code=""} 1')
  expect(text).toContain('espalier_inference_tokens_total{model="m",kind="completion"} 2')
  expect(text).toContain('espalier_inference_active 0')
  expect(text).toContain('espalier_inference_first_content_seconds_count{model="m"} 1')
})
