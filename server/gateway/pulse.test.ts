import { beforeEach, describe, expect, test } from 'vitest'
import { base64url } from '#protocol/bytes'
import { SILENCE_LIMIT_MS } from '#protocol/frames'
import { newId, randomBytes, type SessionId } from '#protocol/ids'
import { type Beat, signCanonical } from '#protocol/statements'
import { newSession, type SessionEvent, type SessionState, step } from './session-state.ts'
import { MAC } from './testing/gateway.ts'
import { CLAIMS, createP256Signer } from './testing/scripted-agent.ts'

/** A live session of the bound key, and its heartbeats: which of them prove that the Mac was there just now. */
const signer = createP256Signer()
let now: number
let state: SessionState
const context = () => ({ now: new Date(now), random: randomBytes })

function take(event: SessionEvent) {
  const next = step(state, event, context())
  state = next.state
  return next.effects
}

beforeEach(async () => {
  now = 1_000_000
  state = newSession(newId<SessionId>('ses'))
  take({ type: 'hello', protocol: 2, serial: 'S', agentKey: base64url(signer.publicKey), agentVersion: '1' })
  take({ type: 'identified', as: { mac: MAC, key: { state: 'bound' } } })
  await answerChallenge()
  take({ type: 'admitted' })
  expect(state.phase).toBe('live')
})

async function answerChallenge(): Promise<void> {
  const { session, challenge } = state
  if (challenge === undefined) throw new Error('nothing was asked')
  const signed = await signCanonical(signer, 'challenge', { v: 1, session, ...challenge, claims: CLAIMS })
  take({ type: 'challenge-answer', transcript: signed.body, signature: signed.signature })
}

let sequence = 0
async function signBeat(pulse: string | undefined): Promise<SessionEvent> {
  const beat = {
    v: 1,
    session: state.session,
    sequence: sequence++,
    at: now,
    available: true,
    active: 0,
    bootSession: CLAIMS.bootSession,
  } satisfies Beat
  const signed = await signCanonical(signer, 'heartbeat', pulse === undefined ? beat : { ...beat, pulse })
  return { type: 'heartbeat', beat: signed.body, signature: signed.signature }
}

const isFresh = (event: SessionEvent): boolean | undefined => take(event).find((effect) => effect.do === 'beat')?.isFresh

describe('a heartbeat proves presence', () => {
  test('where it names the nonce of the last challenge, and then that of each pulse', async () => {
    for (let beats = 0; beats < 5; beats++) {
      now += 20_000
      expect(isFresh(await signBeat(state.pulse?.nonce))).toBe(true)
    }
  })
  test('at the end of the time that a silence may take, and not after', async () => {
    now += SILENCE_LIMIT_MS
    expect(isFresh(await signBeat(state.pulse?.nonce))).toBe(true)
    now += SILENCE_LIMIT_MS + 1
    expect(isFresh(await signBeat(state.pulse?.nonce))).toBe(false)
  })
})

describe('a heartbeat keeps the socket open and proves no presence', () => {
  test('where it names no nonce', async () => {
    expect(isFresh(await signBeat(undefined))).toBe(false)
    expect(state.phase).toBe('live')
  })
  test('where it names a nonce that is not ours', async () => {
    expect(isFresh(await signBeat(base64url(randomBytes(16))))).toBe(false)
  })
  test('where it was signed before the last nonce was sent: heartbeats signed ahead hide no restart', async () => {
    const pulse = state.pulse?.nonce
    const ahead = [await signBeat(pulse), await signBeat(pulse), await signBeat(pulse)]
    const heard = ahead.map((beat) => {
      now += 20_000
      return isFresh(beat)
    })
    expect(heard).toEqual([true, false, false])
  })
  test('where another challenge was sent meanwhile', async () => {
    const before = state.pulse?.nonce
    take({ type: 'challenge-due' })
    expect(isFresh(await signBeat(before))).toBe(false)
    expect(isFresh(await signBeat(state.pulse?.nonce))).toBe(true)
  })
})
