import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AgentFrame, CoordinatorFrame, parseAgentFrame, parseCoordinatorFrame } from './frames.ts'

const parsers = [
  ['agent', parseAgentFrame],
  ['coordinator', parseCoordinatorFrame],
] as const

/** Frames as a peer of this version sends them, one of each type. */
const AGENT_FRAMES: Record<AgentFrame['type'], unknown> = {
  hello: { type: 'hello', protocol: 1, serial: 'C02', agentKey: 'AAAA', agentVersion: '0.1.0' },
  'challenge-answer': { type: 'challenge-answer', transcript: 'AA', signature: 'AA' },
  'bind-proof': { type: 'bind-proof', proof: 'AA' },
  'key-published': { type: 'key-published', certificate: 'AA' },
  'key-attestation': { type: 'key-attestation', chain: ['AA', 'AA'] },
  'revocation-list': { type: 'revocation-list', signed: { list: 'AA', signature: 'AA' } },
  'key-config': { type: 'key-config', keyConfig: { config: 'AA', signature: 'AA' } },
  heartbeat: { type: 'heartbeat', beat: 'AA', signature: 'AA' },
  capacity: { type: 'capacity', capacity: { slots: 1, active: 0, models: [], thermal: 'nominal', available: true } },
  accepted: { type: 'accepted', request: 'req_0123456789abcdef' },
  done: { type: 'done', request: 'req_0123456789abcdef', usage: { promptTokens: 1, completionTokens: 2 } },
  error: { type: 'error', request: 'req_0123456789abcdef', code: 'cancelled' },
  drained: { type: 'drained' },
}

const COORDINATOR_FRAMES: Record<CoordinatorFrame['type'], unknown> = {
  challenge: { type: 'challenge', session: 'ses_0123456789abcdef', nonce: 'AA', at: 1, previous: null },
  bind: { type: 'bind', session: 'ses_0123456789abcdef', mac: 'mac_0123456789abcdef', ticketId: 't', nonce: 'AA' },
  pulse: { type: 'pulse', nonce: 'AA' },
  'publish-key': { type: 'publish-key', session: 'ses_0123456789abcdef', mac: 'mac_0123456789abcdef', nonce: 'AA' },
  'attest-key': { type: 'attest-key', session: 'ses_0123456789abcdef', mac: 'mac_0123456789abcdef', nonce: 'AA' },
  'revocation-list': { type: 'revocation-list', signed: { list: 'AA', signature: 'AA', key: 'AA' } },
  'send-revocation-list': { type: 'send-revocation-list' },
  status: { type: 'status', mac: null, trust: 'unknown', reasons: [], evidenceDigest: null },
  request: { type: 'request', request: 'req_0123456789abcdef', model: 'demo', keyConfig: 'a'.repeat(64), enc: 'AA', sealedAt: 1 },
  cancel: { type: 'cancel', request: 'req_0123456789abcdef' },
  credit: { type: 'credit', request: 'req_0123456789abcdef', bytes: 1 },
  'desired-models': { type: 'desired-models', models: ['demo'] },
  drain: { type: 'drain', reason: 'update' },
}

describe.each(parsers)('the %s’s frames', (side, parse) => {
  const examples = Object.values(side === 'agent' ? AGENT_FRAMES : COORDINATOR_FRAMES)

  test('are taken, one of each type', () => {
    for (const frame of examples) expect(parse(JSON.stringify(frame))).toEqual({ ok: true, frame })
  })

  test('of an unknown type are told apart from malformed ones, so that they can be ignored', () => {
    expect(parse('{"type":"of-tomorrow","x":1}')).toEqual({ ok: false, reason: 'unknown_type' })
    expect(parse('{"type":"__proto__"}')).toEqual({ ok: false, reason: 'unknown_type' })
    expect(parse('{"type":"constructor"}')).toEqual({ ok: false, reason: 'unknown_type' })
  })

  test('may have members of tomorrow, which are dropped', () => {
    for (const frame of examples) expect(parse(JSON.stringify({ ...(frame as object), tomorrow: 1 }))).toEqual({ ok: true, frame })
  })

  test.each(['', '{', 'null', '[]', '1', '"hello"', '{}', '{"type":1}', '{"type":null}', '\u0000'])('%j is malformed', (text) => {
    expect(parse(text)).toMatchObject({ ok: false, reason: 'malformed' })
  })

  test.each(['\\u0000', 'x\\uD800', '\\\\\\udfff'])('with a text that no database holds (%s) are malformed', (odd) => {
    expect(parse(`{"type":"of-tomorrow","x":"${odd}"}`)).toMatchObject({ ok: false, reason: 'malformed' })
    expect(parse(`{"type":"of-tomorrow","${odd}":1}`)).toMatchObject({ ok: false, reason: 'malformed' })
  })

  test.each(['\\\\u0000', '😀', '\\u00e9'])('with a text that looks like one (%s) are not', (text) => {
    expect(parse(`{"type":"of-tomorrow","x":"${text}"}`)).toEqual({ ok: false, reason: 'unknown_type' })
  })

  test('never throw, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.jsonValue().map((v) => JSON.stringify(v)),
        ),
        (text) => {
          expect(typeof parse(text).ok).toBe('boolean')
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('never throw when any member is replaced by anything', () => {
    fc.assert(
      fc.property(fc.constantFrom(...examples), fc.nat(), fc.jsonValue(), (frame, at, value) => {
        const members = Object.keys(frame as object)
        const spoilt = { ...(frame as object), [members[at % members.length] as string]: value }
        const parsed = parse(JSON.stringify(spoilt))
        if (!parsed.ok) expect(['unknown_type', 'malformed']).toContain(parsed.reason)
      }),
      { numRuns: 1000 },
    )
  })
})

test('no type but the revocation list, which travels both ways, is spoken by both sides', () => {
  const agents = AgentFrame.options.map((option) => option.shape.type.value as string)
  const both = CoordinatorFrame.options.map((option) => option.shape.type.value as string).filter((type) => agents.includes(type))
  expect(both).toEqual(['revocation-list'])
})
