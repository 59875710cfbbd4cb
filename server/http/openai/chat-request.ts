import { z } from 'zod'
import type { EngineRequest } from '#protocol/inference'
import { AppError } from '../../errors.ts'
import { sayFault } from './chat-faults.ts'
import { parseChatMessages } from './chat-messages.ts'
import { refuseUnsupportedParameters, unsupported } from './chat-parameters.ts'

export type ChatRequest = { engine: EngineRequest; stream: boolean; includeUsage: boolean }

const MAX_TOKENS = 1_000_000
const TokenLimit = z.number().int().min(1).nullish()
const StopText = z.string().min(1).max(1000)

const Body = z.object({
  model: z.string().min(1).max(200),
  messages: z.array(z.unknown()).min(1, 'must hold at least one message').max(4096, 'must hold at most 4096 messages'),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  seed: z.number().refine(Number.isInteger, 'must be a whole number').nullish(),
  max_tokens: TokenLimit,
  max_completion_tokens: TokenLimit,
  stop: z.union([StopText, z.array(StopText).max(4)], 'must be a string or a list of up to four strings, none of them empty').nullish(),
})

/** A body of `POST /v1/chat/completions` as the engine's request; throws an AppError that names the parameter at fault. */
export function parseChatRequest(body: unknown): ChatRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new AppError('invalid_request', { public: 'The body must be a JSON object.' })
  }
  refuseUnsupportedParameters(body as Record<string, unknown>)
  const parsed = Body.safeParse(body, { error: sayFault })
  if (!parsed.success) throw invalidParameter(parsed.error)
  const chat = parsed.data
  return {
    engine: toEngineRequest(chat),
    stream: chat.stream ?? false,
    includeUsage: chat.stream_options?.include_usage ?? false,
  }
}

function toEngineRequest(chat: z.infer<typeof Body>): EngineRequest {
  const maxTokens = tokenLimit(chat)
  const { stop, seed } = chat
  return {
    model: chat.model,
    messages: parseChatMessages(chat.messages),
    sampling: {
      temperature: chat.temperature ?? 1,
      topP: Math.max(chat.top_p ?? 1, SMALLEST_TOP_P),
      ...(seed === null || seed === undefined ? {} : { seed: toSeed(seed) }),
    },
    ...(maxTokens === undefined ? {} : { maxTokens }),
    stop: typeof stop === 'string' ? [stop] : (stop ?? []),
  }
}

/** OpenAI allows 0, by which it means the likeliest token alone. */
const SMALLEST_TOP_P = 1e-6

/** OpenAI's seeds are 64-bit; ours keep the low 32 bits, so that equal seeds stay equal. */
const toSeed = (seed: number): number => Number(BigInt.asUintN(32, BigInt(seed)))

function tokenLimit({ max_tokens: older, max_completion_tokens: newer }: z.infer<typeof Body>): number | undefined {
  const isBoth = typeof older === 'number' && typeof newer === 'number' && older !== newer
  if (isBoth) throw unsupported('max_tokens', 'Give either “max_tokens” or “max_completion_tokens”.')
  const limit = newer ?? older ?? undefined
  return limit === undefined ? undefined : Math.min(limit, MAX_TOKENS)
}

function invalidParameter(error: z.ZodError): AppError {
  const issue = error.issues[0]
  const param =
    issue?.path
      .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
      .join('')
      .slice(1) ?? ''
  return new AppError('invalid_request', { param, public: `“${param}” ${issue?.message ?? 'is not valid'}.` })
}
