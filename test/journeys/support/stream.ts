import type { Appliance } from './appliance.ts'

/** One streamed chat, read as it comes. `lines` holds every `data:` line so far. */
export type WatchedStream = {
  requestId: string
  lines: string[]
  /** Resolves once this many lines have come. */
  until(lines: number): Promise<void>
  /** How the stream ended: in order, or with the connection broken. */
  ended: Promise<'closed' | 'broken'>
}

/** The sim engine echoes these words, one token each, until `maxTokens`. */
export async function watchStream(appliance: Appliance, maxTokens: number, signal?: AbortSignal): Promise<WatchedStream> {
  const reply = await appliance.get('/v1/chat/completions', {
    method: 'POST',
    ...(signal === undefined ? {} : { signal }),
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'espalier-sim',
      stream: true,
      max_tokens: maxTokens,
      messages: [{ role: 'user', content: 'one two three four five' }],
    }),
  })
  if (reply.status !== 200 || reply.body === null) throw new Error(`no stream: ${reply.status} ${await reply.text()}`)
  const lines: string[] = []
  const ended = collect(reply.body, lines)
  return {
    requestId: reply.headers.get('x-request-id') ?? '',
    lines,
    ended,
    until: async (count) => {
      while (lines.length < count) await new Promise((resolve) => setTimeout(resolve, 20))
    },
  }
}

async function collect(body: ReadableStream<Uint8Array>, lines: string[]): Promise<'closed' | 'broken'> {
  let rest = ''
  try {
    for await (const text of body.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split('\n')
      rest = parts.pop() ?? ''
      lines.push(...parts.filter((line) => line.startsWith('data: ')))
    }
    return 'closed'
  } catch {
    return 'broken'
  }
}
