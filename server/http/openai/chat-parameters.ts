import { AppError } from '../../errors.ts'

/**
 * What every parameter of a chat completion does here: `used`, `ignored` (the answer would mean the same), or refused unless
 * harmless. `only` says what it can be, where a caller may well mean to write that.
 */
type Treatment = 'used' | 'ignored' | { harmless: (value: unknown) => boolean; only?: string }

const isOnly =
  (...values: unknown[]) =>
  (value: unknown) =>
    values.includes(value)
const isEmpty = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === 0
const never = () => false

/** https://platform.openai.com/docs/api-reference/chat/create, as of 2026-11. A null is always "not given". */
const PARAMETERS: Record<string, Treatment> = {
  model: 'used',
  messages: 'used',
  stream: 'used',
  stream_options: 'used',
  temperature: 'used',
  top_p: 'used',
  seed: 'used',
  max_tokens: 'used',
  max_completion_tokens: 'used',
  stop: 'used',

  user: 'ignored',
  metadata: 'ignored',
  safety_identifier: 'ignored',
  prompt_cache_key: 'ignored',
  prompt_cache_retention: 'ignored',
  service_tier: 'ignored',
  parallel_tool_calls: 'ignored',
  reasoning_effort: 'ignored',
  verbosity: 'ignored',

  store: { harmless: isOnly(false), only: 'false' },
  n: { harmless: isOnly(1), only: '1' },
  tools: { harmless: isEmpty },
  tool_choice: { harmless: isOnly('none', 'auto'), only: '"none" or "auto"' },
  functions: { harmless: isEmpty },
  function_call: { harmless: isOnly('none', 'auto'), only: '"none" or "auto"' },
  response_format: { harmless: (value) => (value as { type?: unknown }).type === 'text', only: '{"type":"text"}' },
  logprobs: { harmless: isOnly(false), only: 'false' },
  top_logprobs: { harmless: isOnly(0), only: '0' },
  presence_penalty: { harmless: isOnly(0), only: '0' },
  frequency_penalty: { harmless: isOnly(0), only: '0' },
  logit_bias: { harmless: isEmpty },
  modalities: { harmless: (value) => Array.isArray(value) && value.every(isOnly('text')), only: '["text"]' },
  audio: { harmless: never },
  prediction: { harmless: never },
  web_search_options: { harmless: never },
  moderation: { harmless: never },
}

/** Refuses what would change the answer's meaning and is not done here, rather than answer something else. */
export function refuseUnsupportedParameters(body: Record<string, unknown>): void {
  for (const [param, value] of Object.entries(body)) {
    if (value === null || value === undefined) continue
    const treatment = Object.hasOwn(PARAMETERS, param) ? PARAMETERS[param] : undefined
    if (treatment === undefined) throw unsupported(param, `“${param.slice(0, 200)}” is not a parameter of this version; leave it out.`)
    if (typeof treatment === 'object' && !treatment.harmless(value)) throw unsupported(param, remedy(param, treatment.only))
  }
}

function remedy(param: string, only: string | undefined): string {
  return only === undefined ? `“${param}” is not supported by this version; leave it out.` : `“${param}” can only be ${only}.`
}

export function unsupported(param: string, text: string): AppError {
  return new AppError('unsupported_parameter', { param, public: text })
}
