import { randomInt } from 'node:crypto'
import type { LlamaContextSequence, SequenceEvaluateOptions, Token } from 'node-llama-cpp'
import type { EngineEvent, EngineRequest, FinishReason, Usage } from '#protocol/inference'
import { createDetokenizer } from './detokenizer.ts'
import { EngineError } from './engine.ts'
import type { LoadedLlama } from './llama-model.ts'
import { createStopMatcher } from './stop-strings.ts'

/** Prompt tokens evaluated between two looks at the signal: a long prompt must not hold a cancelled request's sequence for long. */
const PREFILL_STEP = 128

/** One request on one sequence, from conversation to finish. `usage` is counted up as it goes. */
export async function* runLlama(
  loaded: LoadedLlama,
  request: EngineRequest,
  signal: AbortSignal,
  usage: Usage,
): AsyncGenerator<EngineEvent> {
  const prompt = loaded.tokenizePrompt(request.messages)
  usage.promptTokens = prompt.length
  const sequence = await loaded.sequences.take(signal)
  try {
    const rest = await prefill(sequence, prompt, signal)
    yield* decode({ loaded, sequence, rest, request, signal, usage })
  } finally {
    // Nothing of one request may be seen or felt by the next: no prefix is reused, so equal seeds give equal text whatever ran before.
    await sequence.clearHistory()
    loaded.sequences.give(sequence)
  }
}

/** Evaluates all but the last step of the prompt; gives what remains for the sampler to begin with. */
async function prefill(sequence: LlamaContextSequence, prompt: Token[], signal: AbortSignal): Promise<Token[]> {
  let done = 0
  while (prompt.length - done > PREFILL_STEP) {
    stopIfAborted(signal)
    await sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(done, done + PREFILL_STEP))
    done += PREFILL_STEP
  }
  stopIfAborted(signal)
  return prompt.slice(done)
}

async function* decode(options: {
  loaded: LoadedLlama
  sequence: LlamaContextSequence
  rest: Token[]
  request: EngineRequest
  signal: AbortSignal
  usage: Usage
}): AsyncGenerator<EngineEvent> {
  const { loaded, sequence, request, signal, usage } = options
  const detokenizer = createDetokenizer<Token>((tokens, before) => loaded.model.detokenize(tokens, false, before))
  const stops = createStopMatcher(request.stop)
  // The last token made is never evaluated, so the context holds one more than its size less the prompt.
  const limit = Math.min(request.maxTokens ?? Number.POSITIVE_INFINITY, loaded.contextTokens - usage.promptTokens)
  let reason: FinishReason = 'stop'
  for await (const token of sequence.evaluate(options.rest, samplingOf(request))) {
    stopIfAborted(signal)
    usage.completionTokens++
    const { text, stopped } = stops.push(detokenizer.push(token))
    if (text !== '') yield { type: 'text', text }
    if (stopped) break
    if (usage.completionTokens >= limit) {
      reason = 'length'
      break
    }
  }
  stopIfAborted(signal)
  const held = stops.end()
  if (held !== '') yield { type: 'text', text: held }
  yield { type: 'finish', reason, usage: { ...usage } }
}

function samplingOf({ sampling }: EngineRequest): SequenceEvaluateOptions {
  // topK 0: only what was asked for shapes the choice. llama.cpp takes the seed 0xffffffff to mean "draw one" (LLAMA_DEFAULT_SEED).
  const seed = (sampling.seed ?? randomInt(0xffff_ffff)) % 0xffff_ffff
  return { temperature: sampling.temperature, topP: sampling.topP, topK: 0, minP: 0, seed }
}

function stopIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new EngineError('cancelled')
}
