import type { RequestId } from '#protocol/ids'
import type { EngineEvent, FinishReason, Usage } from '#protocol/inference'
import type { AppError } from '../../errors.ts'
import { errorEnvelope } from './error-envelope.ts'

export type Completion = { requestId: RequestId; createdAt: Date; model: string }

const chatId = (requestId: RequestId): string => `chatcmpl-${requestId.slice('req_'.length)}`
const unixSeconds = (date: Date): number => Math.floor(date.getTime() / 1000)

const openAiUsage = ({ promptTokens, completionTokens }: Usage) => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens,
})

/** OpenAI's `chat.completion`: the whole answer at once. */
export function chatCompletion(completion: Completion, answer: { text: string; reason: FinishReason; usage: Usage }) {
  return {
    id: chatId(completion.requestId),
    object: 'chat.completion',
    created: unixSeconds(completion.createdAt),
    model: completion.model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: answer.text, refusal: null },
        logprobs: null,
        finish_reason: answer.reason,
      },
    ],
    usage: openAiUsage(answer.usage),
  }
}

/** OpenAI's `chat.completion.chunk` as server-sent events. Everything but the text is made once per stream: this runs for every token. */
export function chatChunks(completion: Completion, options: { includeUsage: boolean }) {
  const head = JSON.stringify({
    id: chatId(completion.requestId),
    object: 'chat.completion.chunk',
    created: unixSeconds(completion.createdAt),
    model: completion.model,
  }).slice(0, -1)
  const tail = options.includeUsage ? ',"usage":null}\n\n' : '}\n\n'
  const before = `data: ${head},"choices":[{"index":0,"delta":`
  const after = (reason: string) => `,"logprobs":null,"finish_reason":${reason}}]${tail}`
  const beforeText = `${before}{"content":`
  const afterText = `}${after('null')}`

  return {
    role: `${before}{"role":"assistant","content":"","refusal":null}${after('null')}`,
    /** One event; `finish` brings the usage with it if the caller asked for that. */
    event(event: EngineEvent): string {
      if (event.type === 'text') return beforeText + JSON.stringify(event.text) + afterText
      const finish = `${before}{}${after(JSON.stringify(event.reason))}`
      if (!options.includeUsage) return finish
      return `${finish}data: ${head},"choices":[],"usage":${JSON.stringify(openAiUsage(event.usage))}}\n\n`
    },
    done: 'data: [DONE]\n\n',
    /** The last event of a stream that failed; no `[DONE]` follows it. */
    error: (error: AppError): string => `data: ${JSON.stringify(errorEnvelope(error))}\n\n`,
  }
}
