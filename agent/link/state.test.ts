import { describe, expect, test } from 'vitest'
import type { CoordinatorFrame } from '#protocol/frames'
import type { MacId, RequestId, SessionId } from '#protocol/ids'
import { INITIAL_LINK_STATE, type LinkEffect, type LinkEvent, type LinkState, transition } from './state.ts'

const SESSION = 'ses_00000000000000000000' as SessionId
const MAC = 'mac_00000000000000000000' as MacId
const DIGEST = 'ab'.repeat(32)

const frame = (value: CoordinatorFrame): LinkEvent => ({ type: 'frame', frame: value })
const challenge = (previous: string | null = null, session = SESSION): LinkEvent =>
  frame({ type: 'challenge', session, nonce: 'AAAA', at: 1, previous })
const status = (trust: 'trusted' | 'refused', evidenceDigest: string | null): LinkEvent =>
  frame({ type: 'status', mac: MAC, trust, reasons: [], evidenceDigest })

function play(...events: LinkEvent[]): { state: LinkState; effects: LinkEffect['type'][] } {
  let state = INITIAL_LINK_STATE
  const effects: LinkEffect['type'][] = []
  for (const event of events) {
    const step = transition(state, event)
    state = step.state
    effects.push(...step.effects.map((effect) => effect.type))
  }
  return { state, effects }
}

const ESTABLISHED = [{ type: 'opened' }, challenge(), { type: 'answered', transcript: DIGEST }] as const satisfies LinkEvent[]

describe('the link', () => {
  test('greets, answers the first challenge and begins its duties once', () => {
    const { state, effects } = play(...ESTABLISHED, challenge(DIGEST), { type: 'answered', transcript: 'cd'.repeat(32) })
    expect(effects).toEqual(['greet', 'answer', 'begin', 'answer'])
    expect(state.phase).toBe('established')
  })

  test('answers a challenge that builds on an earlier transcript, because a late answer may have crossed it', () => {
    const answered: LinkEvent = { type: 'answered', transcript: 'cd'.repeat(32) }
    expect(play(...ESTABLISHED, challenge(DIGEST), answered, challenge(DIGEST)).effects.at(-1)).toBe('answer')
  })

  test.each([
    ['before it has greeted', [challenge()]],
    ['of another session', [...ESTABLISHED, challenge(DIGEST, 'ses_11111111111111111111' as SessionId)]],
    ['on a transcript that it never signed', [...ESTABLISHED, challenge('ef'.repeat(32))]],
  ])('hangs up on a challenge %s', (_, events) => {
    expect(play(...events).effects.at(-1)).toBe('close')
  })

  test('proves a ticket for its own session only', () => {
    const bind = (session: SessionId): LinkEvent => frame({ type: 'bind', session, mac: MAC, ticketId: 't', nonce: 'AAAA' })
    expect(play(...ESTABLISHED, bind(SESSION)).effects.at(-1)).toBe('prove')
    expect(play(...ESTABLISHED, bind('ses_11111111111111111111' as SessionId)).effects.at(-1)).toBe('close')
  })

  test.each(['publish-key', 'attest-key'] as const)('answers %s for its own session only', (type) => {
    const asked = (session: SessionId): LinkEvent => frame({ type, session, mac: MAC, nonce: 'AAAA' })
    expect(play(...ESTABLISHED, asked(SESSION)).effects.at(-1)).toBe('bind-key')
    expect(play(...ESTABLISHED, asked('ses_11111111111111111111' as SessionId)).effects.at(-1)).toBe('close')
  })

  test('keeps a revocation list, and gives its own when asked', () => {
    const list = frame({ type: 'revocation-list', signed: { list: 'AA', signature: 'AA' } })
    expect(play(...ESTABLISHED, list, frame({ type: 'send-revocation-list' })).effects.slice(-2)).toEqual([
      'keep-revocations',
      'give-revocations',
    ])
  })

  test('publishes keys only when trusted on named evidence', () => {
    expect(play(...ESTABLISHED, status('trusted', DIGEST)).effects.slice(-2)).toEqual(['report', 'publish'])
    expect(play(...ESTABLISHED, status('trusted', null)).effects.at(-1)).toBe('report')
    expect(play(...ESTABLISHED, status('refused', DIGEST)).effects.at(-1)).toBe('report')
  })

  test('drains once', () => {
    const drain = frame({ type: 'drain', reason: 'x' })
    expect(play(...ESTABLISHED, drain, drain).effects.slice(-2)).toEqual(['report', 'drain'])
  })

  test('passes on what concerns requests', () => {
    const cancel = frame({ type: 'cancel', request: 'req_00000000000000000000' as RequestId })
    expect(play(...ESTABLISHED, cancel).effects.at(-1)).toBe('serve')
  })
})
