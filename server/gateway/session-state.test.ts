import fc from 'fast-check'
import { expect, test } from 'vitest'
import { base64url } from '#protocol/bytes'
import { newId, randomBytes, type SessionId } from '#protocol/ids'
import { type Signer, signCanonical } from '#protocol/statements'
import type { Identified } from '../fleet/ports.ts'
import { type Effect, isAuthenticated, isLive, newSession, type SessionEvent, type SessionState, step } from './session-state.ts'
import { MAC } from './testing/gateway.ts'
import { CLAIMS, createP256Signer } from './testing/scripted-agent.ts'

const signer = createP256Signer()
const stranger = createP256Signer()

type Move = { name: string; make: (state: SessionState) => Promise<SessionEvent> }

const event = (name: string, value: SessionEvent): Move => ({ name, make: async () => value })
const answer = (name: string, by: Signer, spoil = false): Move => ({
  name,
  make: async ({ session, challenge }) => {
    const { nonce = '', at = 0, previous = null } = challenge ?? {}
    const signed = await signCanonical(by, 'challenge', { v: 1, session, nonce: spoil ? 'AAAA' : nonce, at, previous, claims: CLAIMS })
    return { type: 'challenge-answer', transcript: signed.body, signature: signed.signature }
  },
})

const identified = (key: Identified['key']): SessionEvent => ({ type: 'identified', as: { mac: MAC, key } })

const MOVES: Move[] = [
  event('hello', { type: 'hello', protocol: 1, serial: 'S', agentKey: base64url(signer.publicKey), agentVersion: '1' }),
  event('bound', identified({ state: 'bound' })),
  event('ticket', identified({ state: 'ticket', ticketId: 't' })),
  event('none', identified({ state: 'none' })),
  event('unknown', { type: 'identified', as: undefined }),
  answer('right answer', signer),
  answer('stranger’s answer', stranger),
  answer('spoilt answer', signer, true),
  event('proof', { type: 'bind-proof', proof: base64url(new Uint8Array(32)) }),
  event('proved', { type: 'ticket-checked', isProved: true }),
  event('not proved', { type: 'ticket-checked', isProved: false }),
  event('delivered', { type: 'ticket-delivered', ticketId: 't2' }),
  event('admitted', { type: 'admitted' }),
  event('challenge due', { type: 'challenge-due' }),
  event('answer overdue', { type: 'answer-overdue' }),
  event('proof overdue', { type: 'proof-overdue' }),
  event('admission overdue', { type: 'admission-overdue' }),
]

/** Only the driver says `ticket-checked`, and only after `prove`: the run keeps to that, as the driver does. */
function isPossible(move: Move, effects: Effect[][]): boolean {
  const count = (what: Effect['do']) => effects.flat().filter((effect) => effect.do === what).length
  return move.name.endsWith('proved') ? count('prove') > 0 : true
}

test('no run speaks for a Mac, reports a loss or goes live without the bound key’s own right answer', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...MOVES), { minLength: 3, maxLength: 12 }), async (moves) => {
      const context = { now: new Date(1000), random: randomBytes }
      let state = newSession(newId<SessionId>('ses'))
      const done: Effect[][] = []
      const made: string[] = []
      for (const move of moves.filter((candidate) => isPossible(candidate, done))) {
        const before = state
        const next = step(state, await move.make(state), context)
        state = next.state
        done.push(next.effects)
        made.push(move.name)
        for (const effect of next.effects) {
          if (effect.do === 'admit') expect([before.isKeyBound, move.name]).toEqual([true, 'right answer'])
          if (effect.do === 'answered') expect([before.phase, move.name]).toEqual(['live', 'right answer'])
          if (effect.do === 'lost') expect(isAuthenticated(before)).toBe(true)
        }
        if (before.phase === 'closed') expect(next).toEqual({ state: before, effects: [] })
        if (isLive(state)) expect(made).toContain('right answer')
        if (state.isKeyBound) expect(made.some((name) => name === 'bound' || name === 'proved')).toBe(true)
      }
    }),
    { numRuns: 1500 },
  )
})

test('a late answer is forgiven once for each challenge', async () => {
  const context = { now: new Date(1000), random: randomBytes }
  let state = newSession(newId<SessionId>('ses'))
  const take = async (...names: string[]) => {
    for (const name of names) {
      const move = MOVES.find((candidate) => candidate.name === name) as Move
      state = step(state, await move.make(state), context).state
    }
  }
  await take('hello', 'bound', 'right answer', 'admitted', 'challenge due')
  const late = await answer('late', signer).make(state)
  await take('answer overdue')
  state = step(state, late, context).state
  expect(state.phase).toBe('live')
  expect(step(state, late, context).effects).toEqual([{ do: 'close', code: 1008, reason: 'challenge_wrong_nonce' }])
})

test('a whole enrollment, step by step', async () => {
  const context = { now: new Date(1000), random: randomBytes }
  let state = newSession(newId<SessionId>('ses'))
  const phases: string[] = []
  const names = ['hello', 'none', 'right answer', 'delivered', 'proof', 'proved', 'right answer', 'admitted']
  for (const name of names) {
    const move = MOVES.find((candidate) => candidate.name === name) as Move
    state = step(state, await move.make(state), context).state
    phases.push(state.phase)
  }
  expect(phases).toEqual(['identifying', 'challenged', 'awaiting-ticket', 'proving', 'checking', 'challenged', 'admitting', 'live'])
})
