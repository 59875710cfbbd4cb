import { z } from 'zod'

/**
 * What is inside a sealed request and a sealed response: the engine's own terms, free of any vendor's API shape.
 * `http/openai` turns OpenAI's bodies into an EngineRequest and EngineEvents back into OpenAI's.
 */

export const ChatMessage = z.strictObject({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.string(),
})
export type ChatMessage = z.infer<typeof ChatMessage>

const Sampling = z.strictObject({
  temperature: z.number().min(0).max(2),
  topP: z.number().gt(0).max(1),
  /** Equal seeds give equal text on one engine; absent, each request draws its own. */
  seed: z.number().int().min(0).max(0xffff_ffff).optional(),
})

export const EngineRequest = z.strictObject({
  model: z.string().min(1).max(200),
  messages: z.array(ChatMessage).min(1).max(4096),
  sampling: Sampling,
  /** Absent: as many as the context still holds. */
  maxTokens: z.number().int().min(1).max(1_000_000).optional(),
  stop: z.array(z.string().min(1).max(1000)).max(4),
})
export type EngineRequest = z.infer<typeof EngineRequest>

export const FinishReason = z.enum(['stop', 'length'])
export type FinishReason = z.infer<typeof FinishReason>

/** More than any context holds; a Mac that claims more is talking nonsense, and no sum of such counts leaves an integer column. */
const MAX_TOKENS = 10_000_000
const TokenCount = z.number().int().min(0).max(MAX_TOKENS)

export const Usage = z.strictObject({ promptTokens: TokenCount, completionTokens: TokenCount })
export type Usage = z.infer<typeof Usage>

/** One plaintext chunk of a sealed response, as JSON. `finish` is the last and travels in the chunk marked final. */
export const EngineEvent = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text: z.string() }),
  z.strictObject({ type: z.literal('finish'), reason: FinishReason, usage: Usage }),
])
export type EngineEvent = z.infer<typeof EngineEvent>

/** Why an engine or an agent could not serve a request; stable codes that cross the wire in the clear. */
export const EngineErrorCode = z.enum([
  'malformed_request',
  'model_not_loaded',
  'context_length_exceeded',
  'no_free_slot',
  'draining',
  'key_config_unknown',
  'sealing_failed',
  'replayed_request',
  'cancelled',
  'engine_failed',
])
export type EngineErrorCode = z.infer<typeof EngineErrorCode>
