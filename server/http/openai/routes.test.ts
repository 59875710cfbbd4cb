import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '#protocol/ids'
import { createScriptedMac } from '../../inference/testing/scripted-mac.ts'
import { startOpenAiServer } from './testing/openai-server.ts'

const attestation = {
  macs: [{ mac: newId('mac'), trust: 'trusted', reasons: [], evidenceDigest: 'e', evidenceAge: 5, keyBinding: 'ticket' } as never],
}
let server: Awaited<ReturnType<typeof startOpenAiServer>>
beforeAll(async () => {
  server = await startOpenAiServer({
    macs: [await createScriptedMac({ model: 'm' })],
    deps: {
      fleetAttestation: async (principal) => {
        if (principal.keyId === 'esp_broken') throw new Error('secret detail')
        return attestation
      },
    },
  })
})
afterAll(() => server.close())

type Call = { method?: string; path: string; key?: string; type?: string; body?: string }
async function call({ method = 'GET', path, key = 'esp_all', type, body }: Call) {
  const response = await fetch(server.url.replace('/v1', '') + path, {
    method,
    headers: { ...(key === '' ? {} : { authorization: `Bearer ${key}` }), ...(type === undefined ? {} : { 'content-type': type }) },
    ...(body === undefined ? {} : { body }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, json: text === '' ? undefined : JSON.parse(text) }
}
const chat = { method: 'POST', path: '/v1/chat/completions', type: 'application/json' }

test.each([
  [404, 'not_found', { path: '/v1/unknown' }],
  [404, 'not_found', { path: '/v1' }],
  [404, 'not_found', { path: '/v1/unknown', method: 'POST', type: 'text/xml', body: '<x/>' }],
  [404, 'not_found', { path: '/v1/unknown', method: 'OPTIONS' }],
  [404, 'model_not_found', { path: '/v1/models/none' }],
  [405, 'method_not_allowed', { path: '/v1/chat/completions' }],
  [401, 'missing_api_key', { path: '/v1/models', key: '' }],
  [401, 'invalid_api_key', { path: '/v1/models', key: 'sk-other' }],
  [401, 'missing_api_key', { ...chat, key: '', body: 'x'.repeat(9 * 1024 * 1024) }],
  [403, 'insufficient_scope', { ...chat, key: 'esp_models', body: '{}' }],
  [400, 'invalid_json', { ...chat, body: '{"model":' }],
  [400, 'invalid_json', { ...chat, body: '' }],
  [415, 'unsupported_media_type', { ...chat, type: 'application/x-www-form-urlencoded', body: 'a=b' }],
  [413, 'payload_too_large', { ...chat, body: `"${'x'.repeat(8 * 1024 * 1024)}"` }],
  [400, 'invalid_request', { ...chat, body: '[]' }],
  [400, 'invalid_request', { ...chat, body: '{"model":"m","messages":[]}' }],
  [404, 'model_not_found', { ...chat, body: '{"model":"none","messages":[{"role":"user","content":""}]}' }],
  [500, 'internal', { path: '/v1/fleet/attestation', key: 'esp_broken' }],
] as const)('%i %s in OpenAI’s envelope: %o', async (status, code, request) => {
  const answer = await call(request)
  expect(answer.json).toEqual({ error: { message: expect.any(String), type: expect.any(String), code, param: answer.json.error.param } })
  expect(answer.json.error.param === null || typeof answer.json.error.param === 'string').toBe(true)
  expect(answer.status).toBe(status)
  expect(answer.headers.get('x-request-id')).toMatch(/^req_[0-9a-z]{20}$/)
  expect(JSON.stringify(answer.json)).not.toMatch(/secret detail| {4}at /)
  expect(answer.headers.get('access-control-allow-origin')).toBeNull()
})

test('only our own fault is logged', () => {
  expect(server.errors).toHaveLength(1)
})

test('a wrong method says which are right', async () => {
  expect((await call({ path: '/v1/models', method: 'DELETE' })).headers.get('allow')).toBe('GET, HEAD')
})

test.each([
  ['“/v1/chat/completions” answers POST, not GET.', { path: '/v1/chat/completions' }],
  ['“/v1/models” answers GET and HEAD, not DELETE.', { path: '/v1/models', method: 'DELETE' }],
  ['The body is too large: at most 8 MiB.', { ...chat, body: `"${'x'.repeat(8 * 1024 * 1024)}"` }],
  ['The body must be JSON. Send it as “Content-Type: application/json”.', { ...chat, type: 'text/plain', body: '{}' }],
  ['The model “none” is not served now. GET /v1/models lists what is served.', { path: '/v1/models/none' }],
  [
    'The model “none” is not offered here. GET /v1/models lists what is served.',
    { ...chat, body: '{"model":"none","messages":[{"role":"user","content":""}]}' },
  ],
])('a refusal says what would be right: %s', async (message, request) => {
  expect((await call(request)).json.error.message).toBe(message)
})

test.each(['/v1/fleet/attestation', '/v1/providers/attestation'])('%s tells the trust of every Mac', async (path) => {
  const answer = await call({ path })
  expect(answer.status).toBe(200)
  expect(answer.json).toEqual(attestation)
  expect((await call({ path, key: '' })).status).toBe(401)
})

test('request ids are new for every request', async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, async () => (await call({ path: '/v1/models' })).headers.get('x-request-id')))
  expect(new Set(ids).size).toBe(20)
})
