import { describe, expect, test } from 'vitest'
import { EngineRequest } from '#protocol/inference'
import type { AppError } from '../../errors.ts'
import { parseChatRequest } from './chat-request.ts'

const minimal = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }

function refusal(body: unknown): AppError {
  try {
    parseChatRequest(body)
  } catch (error) {
    return error as AppError
  }
  return expect.unreachable('accepted')
}

test('a minimal request gets OpenAI’s defaults', () => {
  expect(parseChatRequest(minimal)).toEqual({
    engine: { model: 'm', messages: [{ role: 'user', content: 'hi' }], sampling: { temperature: 1, topP: 1 }, stop: [] },
    stream: false,
    includeUsage: false,
  })
})

test('every supported parameter reaches the engine', () => {
  const { engine, stream, includeUsage } = parseChatRequest({
    ...minimal,
    stream: true,
    stream_options: { include_usage: true, include_obfuscation: false },
    temperature: 0.2,
    top_p: 0,
    seed: -1,
    max_completion_tokens: 9,
    stop: ['a', 'b'],
  })
  expect(engine).toMatchObject({ sampling: { temperature: 0.2, topP: 1e-6, seed: 0xffff_ffff }, maxTokens: 9, stop: ['a', 'b'] })
  expect({ stream, includeUsage }).toEqual({ stream: true, includeUsage: true })
  expect(EngineRequest.safeParse(engine).success).toBe(true)
})

test('the older spelling, a single stop string and nulls mean the same', () => {
  const { engine } = parseChatRequest({ ...minimal, max_tokens: 9, max_completion_tokens: null, stop: 'x', temperature: null, tools: null })
  expect(engine).toMatchObject({ maxTokens: 9, stop: ['x'], sampling: { temperature: 1 } })
})

test('every role and form of content is read', () => {
  const messages = [
    { role: 'developer', content: 'd' },
    { role: 'system', content: 's', name: 'n' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ],
    },
    { role: 'assistant', content: null, tool_calls: [] },
    { role: 'assistant', content: [{ type: 'refusal', refusal: 'no' }] },
    { role: 'tool', content: 't', tool_call_id: 'c' },
  ]
  expect(parseChatRequest({ ...minimal, messages }).engine.messages).toEqual([
    { role: 'system', content: 'd' },
    { role: 'system', content: 's' },
    { role: 'user', content: 'ab' },
    { role: 'assistant', content: '' },
    { role: 'assistant', content: 'no' },
    { role: 'tool', content: 't' },
  ])
})

describe('parameters that change nothing are accepted', () => {
  test.each([
    { user: 'u', metadata: { a: 'b' }, safety_identifier: 's', prompt_cache_key: 'k', service_tier: 'auto' },
    { store: false, n: 1, tools: [], tool_choice: 'auto', response_format: { type: 'text' }, parallel_tool_calls: true },
    { logprobs: false, presence_penalty: 0, frequency_penalty: 0, logit_bias: {}, modalities: ['text'] },
  ])('%o', (extra) => {
    expect(parseChatRequest({ ...minimal, ...extra })).toEqual(parseChatRequest(minimal))
  })
})

describe('parameters that would change the answer are refused by name', () => {
  test.each([
    ['tools', [{ type: 'function', function: { name: 'f' } }]],
    ['tool_choice', 'required'],
    ['response_format', { type: 'json_object' }],
    ['logprobs', true],
    ['top_logprobs', 2],
    ['n', 2],
    ['presence_penalty', 0.5],
    ['frequency_penalty', -1],
    ['logit_bias', { 5: 1 }],
    ['store', true],
    ['modalities', ['text', 'audio']],
    ['audio', { voice: 'x' }],
    ['prediction', { type: 'content' }],
    ['web_search_options', {}],
    ['top_k', 5],
    ['constructor', 5],
  ])('%s', (param, value) => {
    expect(refusal({ ...minimal, [param]: value })).toMatchObject({ code: 'unsupported_parameter', status: 400, param })
  })

  test.each([
    [
      'messages[0].content[1]',
      [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'x' },
            { type: 'image_url', image_url: { url: 'u' } },
          ],
        },
      ],
    ],
    ['messages[0].tool_calls', [{ role: 'assistant', content: null, tool_calls: [{ id: 'x' }] }]],
    ['messages[0].audio', [{ role: 'assistant', audio: { id: 'x' } }]],
  ])('%s', (param, messages) => {
    expect(refusal({ ...minimal, messages })).toMatchObject({ code: 'unsupported_parameter', param })
  })

  test.each([
    ['“tools” is not supported by this version; leave it out.', { tools: [{ type: 'function' }] }],
    ['“n” can only be 1.', { n: 2 }],
    ['“response_format” can only be {"type":"text"}.', { response_format: { type: 'json_object' } }],
    ['“top_k” is not a parameter of this version; leave it out.', { top_k: 5 }],
  ])('and says what to do instead: %s', (sentence, extra) => {
    expect(refusal({ ...minimal, ...extra }).publicText).toBe(sentence)
  })

  test('two different token limits', () => {
    expect(refusal({ ...minimal, max_tokens: 1, max_completion_tokens: 2 })).toMatchObject({ param: 'max_tokens' })
  })
})

describe('malformed values are refused by name', () => {
  test.each([
    ['model', { messages: minimal.messages }],
    ['model', { ...minimal, model: 5 }],
    ['messages', { model: 'm' }],
    ['messages', { ...minimal, messages: [] }],
    ['messages[0]', { ...minimal, messages: ['hi'] }],
    ['messages[0].role', { ...minimal, messages: [{ role: 'function', content: '' }] }],
    ['messages[0].role', { ...minimal, messages: [{ role: 'toString', content: '' }] }],
    ['messages[0].content', { ...minimal, messages: [{ role: 'user' }] }],
    ['messages[0].content[0]', { ...minimal, messages: [{ role: 'user', content: [null] }] }],
    ['temperature', { ...minimal, temperature: 2.1 }],
    ['top_p', { ...minimal, top_p: -0.1 }],
    ['max_tokens', { ...minimal, max_tokens: 0 }],
    ['stream', { ...minimal, stream: 'yes' }],
    ['stream_options.include_usage', { ...minimal, stream_options: { include_usage: 1 } }],
    ['seed', { ...minimal, seed: 1.5 }],
    ['stop', { ...minimal, stop: ['a', 'b', 'c', 'd', 'e'] }],
    ['stop', { ...minimal, stop: '' }],
  ])('%s in %o', (param, body) => {
    expect(refusal(body)).toMatchObject({ code: 'invalid_request', status: 400, param })
  })

  test.each([
    ['“model” is missing.', { messages: minimal.messages }],
    ['“model” must be a string.', { ...minimal, model: null }],
    ['“model” must not be empty.', { ...minimal, model: '' }],
    ['“model” must have at most 200 characters.', { ...minimal, model: 'x'.repeat(201) }],
    ['“messages” is missing.', { model: 'm' }],
    ['“messages” must be a list.', { ...minimal, messages: 'hi' }],
    ['“messages” must hold at least one message.', { ...minimal, messages: [] }],
    ['“temperature” must be at most 2.', { ...minimal, temperature: 2.1 }],
    ['“temperature” must be a number.', { ...minimal, temperature: '1' }],
    ['“top_p” must be at least 0.', { ...minimal, top_p: -1 }],
    ['“max_tokens” must be a whole number.', { ...minimal, max_tokens: 1.5 }],
    ['“max_tokens” must be at least 1.', { ...minimal, max_tokens: 0 }],
    ['“stream” must be true or false.', { ...minimal, stream: 'yes' }],
    ['“stream_options” must be an object.', { ...minimal, stream_options: true }],
    ['“seed” must be a whole number.', { ...minimal, seed: 1.5 }],
    ['“stop” must be a string or a list of up to four strings, none of them empty.', { ...minimal, stop: 5 }],
    ['“stop[0]” must not be empty.', { ...minimal, stop: [''] }],
  ])('in a plain sentence: %s', (sentence, body) => {
    expect(refusal(body).publicText).toBe(sentence)
  })

  test.each([[undefined], [null], ['text'], [[]]])('a body that is %o', (body) => {
    expect(refusal(body)).toMatchObject({ code: 'invalid_request' })
  })
})
