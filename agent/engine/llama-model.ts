import type { LlamaContext, LlamaContextSequence, LlamaModel, Token } from 'node-llama-cpp'
import type { ChatMessage } from '#protocol/inference'
import { AgentError } from '../errors.ts'
import { EngineError } from './engine.ts'
import { createPool, type Pool } from './pool.ts'
import { createPromptRenderer, type PromptRenderer } from './prompt.ts'

/** One model in memory: its tokenizer, its template, and one sequence (a KV cache of its own) for each slot. */
export interface LoadedLlama {
  readonly model: LlamaModel
  readonly contextTokens: number
  readonly sequences: Pool<LlamaContextSequence>
  /** Throws `context_length_exceeded` when the prompt leaves no room for one token of an answer. */
  tokenizePrompt(messages: readonly ChatMessage[]): Token[]
  dispose(): Promise<void>
}

export async function prepareModel(
  model: LlamaModel,
  options: { slots: number; contextTokens: number; threads: number },
): Promise<LoadedLlama> {
  const renderer = rendererOf(model)
  const longestToken = longestTokenText(model)
  const context = await model.createContext({
    sequences: options.slots,
    contextSize: Math.min(model.trainContextSize, options.contextTokens),
    threads: options.threads,
  })
  return {
    model,
    contextTokens: context.contextSize,
    sequences: createPool(sequencesOf(context, options.slots)),
    tokenizePrompt: (messages) => tokenize({ model, renderer, longestToken, limit: context.contextSize - 1, messages }),
    async dispose() {
      await context.dispose()
      await model.dispose()
    },
  }
}

function sequencesOf(context: LlamaContext, slots: number): LlamaContextSequence[] {
  return Array.from({ length: slots }, () => context.getSequence())
}

function rendererOf(model: LlamaModel): PromptRenderer {
  const template = model.fileInfo.metadata.tokenizer?.chat_template
  if (typeof template !== 'string') throw new AgentError('model_unreadable', 'the model has no chat template')
  const text = (token: Token | null): string => (token === null ? '' : model.detokenize([token], true))
  return createPromptRenderer({
    template,
    bosToken: text(model.tokens.bos),
    eosToken: text(model.tokens.eos),
    controlTokens: controlTokens(model).map(text),
  })
}

function controlTokens(model: LlamaModel): Token[] {
  return [...model.iterateAllTokens()].filter((token) => {
    const { control, unknown } = model.getTokenAttributes(token)
    return control || unknown
  })
}

/** Bounds how few tokens a text can become, so that a text much too long is refused before the time is spent to tokenize it. */
function longestTokenText(model: LlamaModel): number {
  let longest = 1
  for (const token of model.iterateAllTokens()) longest = Math.max(longest, model.detokenize([token], true).length)
  return longest
}

function tokenize(options: {
  model: LlamaModel
  renderer: PromptRenderer
  longestToken: number
  limit: number
  messages: readonly ChatMessage[]
}): Token[] {
  const { model, renderer, limit } = options
  const pieces = renderer.render(options.messages)
  const characters = pieces.reduce((total, piece) => total + piece.length, 0)
  if (characters > limit * options.longestToken) throw new EngineError('context_length_exceeded')
  const tokens = pieces.flatMap((piece) => model.tokenize(piece, true))
  const { bos, shouldPrependBosToken } = model.tokens
  if (shouldPrependBosToken && bos !== null && tokens[0] !== bos) tokens.unshift(bos)
  if (tokens.length > limit) throw new EngineError('context_length_exceeded')
  return tokens
}
