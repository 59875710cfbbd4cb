import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSimEngine } from '../../agent/engine/sim.ts'
import type { EngineReady } from './messages.ts'

/**
 * The simulated engine behind the plainest HTTP server that streams OpenAI's chunks: no keys, no counting, no sealing, no second
 * process. What Espalier adds is the difference to this. Arguments: slots, ttft and itl in milliseconds, model.
 */
const [slots, ttftMs, itlMs] = process.argv.slice(2, 5).map(Number) as [number, number, number]
const model = process.argv[5] as string
const engine = createSimEngine({ slots, ttftMs, itlMs, contextTokens: 8192 })
await engine.load({ name: model, directory: '' })

const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()))
server.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } satisfies EngineReady)
})
process.once('disconnect', () => process.exit())

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const { messages, max_tokens: maxTokens } = JSON.parse(Buffer.concat(parts).toString('utf8'))
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const run = engine.generate({ model, messages, maxTokens, sampling: { temperature: 0, topP: 1 }, stop: [] }, gone.signal)
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
  for await (const event of run) {
    if (event.type === 'text') response.write(chunk({ content: event.text }, null))
    else response.end(`${chunk({}, event.reason)}data: [DONE]\n\n`)
  }
}

function chunk(delta: object, reason: string | null): string {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: reason }]
  return `data: ${JSON.stringify({ id: 'chatcmpl-direct', object: 'chat.completion.chunk', created: 0, model, choices })}\n\n`
}
