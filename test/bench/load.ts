import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadAnswer, LoadOrder, Target } from './messages.ts'
import { emptySamples, type Samples } from './samples.ts'

/** The load generator: many streams, each asking again as soon as its answer has ended, on connections that are kept. */
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
const PROMPT = 'The quick brown fox jumps over the lazy dog while seven wizards brew a potion of quiet afternoons'
const REQUEST_LIMIT_MS = 60_000

process.on('message', (order: LoadOrder) => void run(order).then((samples) => process.send?.({ samples } satisfies LoadAnswer)))
process.once('disconnect', () => process.exit())

async function run(order: LoadOrder): Promise<Samples> {
  const samples = emptySamples()
  const indexes = Array.from({ length: order.streams }, (_, index) => index)
  // Opens the connections and warms both sides; not counted.
  await Promise.all(indexes.map(() => ask(order.target, 1, emptySamples())))
  const startedAt = performance.now()
  await Promise.all(
    indexes.map(async (index) => {
      await sleep((index / order.streams) * order.spreadMs)
      for (let i = 0; i < order.requests; i++) await ask(order.target, order.tokens, samples)
    }),
  )
  samples.elapsedMs = performance.now() - startedAt
  return samples
}

async function ask({ url, apiKey, model }: Target, tokens: number, samples: Samples): Promise<void> {
  const body = JSON.stringify({ model, stream: true, max_tokens: tokens, messages: [{ role: 'user', content: PROMPT }] })
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const sentAt = performance.now()
  try {
    const textsAt = await read(
      await new Promise<IncomingMessage>((resolve, reject) => {
        const sent = request(`${url}/v1/chat/completions`, { method: 'POST', agent, headers, timeout: REQUEST_LIMIT_MS }, resolve)
        sent.once('timeout', () => sent.destroy(new Error('no answer in time')))
        sent.once('error', reject)
        sent.end(body)
      }),
    )
    samples.firstTextMs.push((textsAt[0] ?? Number.NaN) - sentAt)
    for (let i = 1; i < textsAt.length; i++) samples.betweenMs.push((textsAt[i] as number) - (textsAt[i - 1] as number))
    samples.completed++
  } catch (error) {
    samples.failures.push(error instanceof Error ? error.message : String(error))
  }
}

/** The moments at which text arrived; throws unless the stream is whole. */
async function read(response: IncomingMessage): Promise<number[]> {
  const textsAt: number[] = []
  let rest = ''
  let last = ''
  response.setEncoding('utf8')
  for await (const part of response) {
    const now = performance.now()
    const events = (rest + part).split('\n\n')
    rest = events.pop() ?? ''
    for (const event of events) {
      last = event
      if (hasText(event)) textsAt.push(now)
    }
  }
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}: ${rest.slice(0, 200)}`)
  if (last !== 'data: [DONE]' || textsAt.length === 0) throw new Error(`the stream broke off after “${last.slice(0, 200)}”`)
  return textsAt
}

function hasText(event: string): boolean {
  if (!event.startsWith('data: {')) return false
  const { choices } = JSON.parse(event.slice('data: '.length)) as { choices: { delta: { content?: string } }[] }
  return (choices[0]?.delta.content ?? '') !== ''
}
