'use client'
import { z } from 'zod'
import { forgetPlaygroundKey, playgroundKey } from './playground-key.ts'

export type ChatTurn = { role: 'system' | 'user' | 'assistant'; content: string }
export type ChatRequest = { model: string; messages: ChatTurn[]; temperature?: number; max_tokens?: number }

/** Where an answer came from, by the headers that every inference response carries. */
export type Provenance = { request: string | null; mac: string | null; mode: string | null; attestation: string | null }

export type ChatEvent =
  | { type: 'head'; provenance: Provenance }
  | { type: 'text'; text: string }
  | { type: 'usage'; completionTokens: number }
  | { type: 'finish'; reason: string }

const Chunk = z.object({
  choices: z.array(z.object({ delta: z.object({ content: z.string().nullish() }), finish_reason: z.string().nullish() })),
  usage: z.object({ completion_tokens: z.number() }).nullish(),
})
const Problem = z.object({ error: z.object({ message: z.string(), code: z.string().nullish() }) })

/** A refusal in the words of the API. */
export class ChatError extends Error {}

/** One streaming chat completion, exactly as any OpenAI client would ask for it. Ends early when `signal` aborts. */
export async function* streamChat(request: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatEvent> {
  const response = await fetch('/v1/chat/completions', {
    method: 'POST',
    signal,
    headers: { authorization: `Bearer ${await playgroundKey()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...request, stream: true, stream_options: { include_usage: true } }),
  })
  if (response.status === 401) forgetPlaygroundKey()
  if (!response.ok || response.body === null) throw new ChatError(problemOf(await response.text()))
  yield { type: 'head', provenance: provenanceOf(response.headers) }
  for await (const data of serverSentData(response.body)) {
    if (data === '[DONE]') return
    yield* eventsOf(data)
  }
}

function* eventsOf(data: string): Generator<ChatEvent> {
  const json: unknown = JSON.parse(data)
  const problem = Problem.safeParse(json)
  if (problem.success) throw new ChatError(problem.data.error.message)
  const chunk = Chunk.parse(json)
  const choice = chunk.choices[0]
  if (choice?.delta.content) yield { type: 'text', text: choice.delta.content }
  if (choice?.finish_reason) yield { type: 'finish', reason: choice.finish_reason }
  if (chunk.usage) yield { type: 'usage', completionTokens: chunk.usage.completion_tokens }
}

/** The `data:` fields of a text/event-stream (WHATWG HTML §9.2.6), as they arrive. */
async function* serverSentData(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const events = (rest + value).split(/\r?\n\r?\n/)
      rest = events.pop() ?? ''
      for (const event of events) {
        const lines = event.split(/\r?\n/).filter((line) => line.startsWith('data:'))
        if (lines.length > 0) yield lines.map((line) => line.slice(5).trimStart()).join('\n')
      }
    }
  } finally {
    void reader.cancel().catch(() => {}) // already closed, which is what was wanted
  }
}

function provenanceOf(headers: Headers): Provenance {
  return {
    request: headers.get('x-request-id'),
    mac: headers.get('x-espalier-mac'),
    mode: headers.get('x-espalier-mode'),
    attestation: headers.get('x-espalier-attestation'),
  }
}

function problemOf(text: string): string {
  try {
    return Problem.parse(JSON.parse(text)).error.message
  } catch {
    return 'The appliance answered in a way that this page does not understand.'
  }
}

const ModelList = z.object({ data: z.array(z.object({ id: z.string() })) })

/** The models that a trusted Mac serves now. */
export async function listModels(): Promise<string[]> {
  const response = await fetch('/v1/models', { headers: { authorization: `Bearer ${await playgroundKey()}` } })
  if (!response.ok) throw new ChatError(problemOf(await response.text()))
  return ModelList.parse(await response.json()).data.map((model) => model.id)
}
