import { base64url, fromBase64url } from '#protocol/bytes'
import { type AgentFrame, type Claims, type CoordinatorFrame, SILENCE_LIMIT_MS } from '#protocol/frames'
import type { MacId, SessionId } from '#protocol/ids'
import { type Beat, p256Point } from '#protocol/statements'
import type { Identified, KeyProofAsk, KeyProofOffer } from '../fleet/ports.ts'
import { CLOSE, type CloseCode } from './close-codes.ts'
import { type Challenge, judgeAnswer, judgeBeat } from './signed-words.ts'

/**
 * Who is at the other end of an agent's socket, as a pure state machine: an event and the time go in, the next state and what is
 * to be done come out.
 *
 *   connected → identifying → challenged ─ key bound ────────────────→ admitting → live
 *                                 │  ↑ └─ ticket waits ─→ proving → checking ─┐
 *                                 │  └────────────── proved ──────────────────┘
 *                                 └─ neither ─→ awaiting-ticket ─→ proving
 *
 * Only `admitting` and `live` speak for the Mac: until then a socket is somebody who knows a serial number, and can change nothing.
 * One who does not know any goes the same way as far as `awaiting-ticket`, so that nobody learns here which Macs there are.
 */
type Phase = 'connected' | 'identifying' | 'challenged' | 'awaiting-ticket' | 'proving' | 'checking' | 'admitting' | 'live' | 'closed'

export type SessionState = {
  readonly session: SessionId
  readonly phase: Phase
  readonly agentKey: Uint8Array
  readonly mac: MacId | undefined
  readonly isKeyBound: boolean
  /** Delivered over the Mac's own MDM channel and not proved yet. */
  readonly ticketId: string | undefined
  readonly bindNonce: Uint8Array | undefined
  readonly challenge: Challenge | undefined
  /** The challenge before, when its time ran out: an answer to it is late, not wrong. */
  readonly expiredNonce: string | undefined
  readonly previous: string | null
  /** Challenges missed in a row. */
  readonly missed: number
  readonly claims: Claims | undefined
  readonly lastBeat: number
  /** The nonce sent last, which the next beat must name, and when. */
  readonly pulse: { nonce: string; at: number } | undefined
  /** How its key can be bound beside the ticket, as its hello says. */
  readonly offers: readonly KeyProofOffer[]
  /** Asked for a certificate of its key. */
  readonly isPublishing: boolean
  /** Asked for Apple's word about its key, under this nonce. */
  readonly attestNonce: Uint8Array | undefined
}

type IdentityFrame = Extract<AgentFrame, { type: 'hello' | 'challenge-answer' | 'bind-proof' | 'heartbeat' | KeyProofFrame }>
type KeyProofFrame = 'key-published' | 'key-attestation'

export type SessionEvent =
  | IdentityFrame
  | { type: 'identified'; as: Identified | undefined }
  | { type: 'ticket-delivered'; ticketId: string }
  | { type: 'ticket-checked'; isProved: boolean }
  | { type: 'proofs-chosen'; asks: readonly KeyProofAsk[] }
  | { type: 'key-checked'; isProved: boolean }
  /** A key configuration that the bound key did not sign. */
  | { type: 'wrongly-signed' }
  | { type: 'admitted' }
  | { type: 'challenge-due' }
  | { type: 'answer-overdue' }
  | { type: 'proof-overdue' }
  | { type: 'admission-overdue' }
  | { type: 'silent' }

export type TimerName = 'answer' | 'proof' | 'challenge' | 'silence' | 'admission'

export type Effect =
  | { do: 'send'; frame: CoordinatorFrame }
  | { do: 'close'; code: CloseCode; reason: string }
  | { do: 'start' | 'stop'; timer: TimerName }
  | { do: 'identify'; serial: string; agentKey: Uint8Array }
  | { do: 'prove'; mac: MacId; ticketId: string; nonce: Uint8Array; hmac: Uint8Array }
  | { do: 'choose-proofs'; mac: MacId; offers: readonly KeyProofOffer[] }
  | { do: 'published'; mac: MacId; certificate: Uint8Array }
  | { do: 'attested'; mac: MacId; nonce: Uint8Array; chain: readonly Uint8Array[] }
  /** The bound key has answered its first challenge: from here on this session is the Mac. */
  | { do: 'admit'; mac: MacId; claims: Claims }
  | { do: 'answered'; mac: MacId; claims: Claims }
  | { do: 'lost'; mac: MacId; reason: 'CHALLENGE_MISSED' | 'CHALLENGE_BAD_SIG' }
  /** `isFresh`: signed after our last nonce, lately sent: the Mac was there just now. */
  | { do: 'beat'; beat: Beat; isFresh: boolean }

type Step = { state: SessionState; effects: Effect[] }

type StepContext = { now: Date; random: (bytes: number) => Uint8Array }

const NONCE_BYTES = 32
const PULSE_BYTES = 16
const HMAC_BYTES = 32
/** DESIGN §4.5. */
const MISSES_UNTIL_LOST = 2

export function newSession(session: SessionId): SessionState {
  return {
    session,
    phase: 'connected',
    agentKey: new Uint8Array(),
    mac: undefined,
    isKeyBound: false,
    ticketId: undefined,
    bindNonce: undefined,
    challenge: undefined,
    expiredNonce: undefined,
    previous: null,
    missed: 0,
    claims: undefined,
    lastBeat: -1,
    pulse: undefined,
    offers: [],
    isPublishing: false,
    attestNonce: undefined,
  }
}

/** True while the session speaks for its Mac. */
export const isAuthenticated = (state: SessionState): boolean => state.phase === 'admitting' || state.phase === 'live'

/** True while the Mac's liveness is proven: admitted, and not two challenges behind. */
export const isLive = (state: SessionState): boolean => state.phase === 'live' && state.missed < MISSES_UNTIL_LOST

export function step(state: SessionState, event: SessionEvent, context: StepContext): Step {
  if (state.phase === 'closed') return stay(state)
  switch (event.type) {
    case 'hello':
      return onHello(state, event)
    case 'identified':
      return onIdentified(state, event.as, context)
    case 'challenge-answer':
      return onAnswer(state, event, context)
    case 'bind-proof':
      return onProof(state, event)
    case 'heartbeat':
      return onHeartbeat(state, event, context)
    case 'proofs-chosen':
      return askForKey(state, event.asks)
    case 'key-published':
      return onPublished(state, event)
    case 'key-attestation':
      return onKeyAttestation(state, event)
    case 'wrongly-signed':
      return isAuthenticated(state) ? onWrongSignature(state, 'key_config') : stay(state)
    case 'key-checked':
      return onKeyChecked(state, event.isProved, context)
    case 'ticket-delivered':
      return onTicket(state, event.ticketId, context)
    case 'ticket-checked':
      return event.isProved || state.isKeyBound
        ? challenge({ ...state, isKeyBound: true, phase: 'challenged' }, context)
        : close(state, CLOSE.unproved, 'ticket_not_proved')
    case 'admitted':
      return state.phase === 'admitting' ? stay({ ...state, phase: 'live' }, ...chooseProofs(state)) : stay(state)
    case 'challenge-due':
      return state.challenge === undefined ? challenge(state, context) : stay(state)
    case 'answer-overdue':
      return onAnswerOverdue(state, context)
    case 'proof-overdue':
      return state.phase === 'proving' ? close(state, CLOSE.silent, 'proof_overdue') : stay(state)
    case 'admission-overdue':
      return isAuthenticated(state) ? stay(state) : close(state, CLOSE.unproved, 'not_proved')
    case 'silent':
      return close(state, CLOSE.silent, 'silent')
    default:
      return event satisfies never
  }
}

function stay(state: SessionState, ...effects: Effect[]): Step {
  return { state, effects }
}

function close(state: SessionState, code: CloseCode, reason: string, ...before: Effect[]): Step {
  return { state: { ...state, phase: 'closed' }, effects: [...before, { do: 'close', code, reason }] }
}

function onHello(state: SessionState, hello: Extract<AgentFrame, { type: 'hello' }>): Step {
  if (state.phase !== 'connected') return close(state, CLOSE.protocol, 'unexpected_hello')
  const agentKey = fromBase64url(hello.agentKey)
  if (agentKey === undefined || p256Point(agentKey) === undefined) return close(state, CLOSE.protocol, 'bad_agent_key')
  const offers = [...new Set(hello.keyBindings)]
  return stay({ ...state, phase: 'identifying', agentKey, offers }, { do: 'identify', serial: hello.serial, agentKey })
}

function onIdentified(state: SessionState, as: Identified | undefined, context: StepContext): Step {
  if (state.phase !== 'identifying') return stay(state)
  const identified: SessionState = {
    ...state,
    phase: 'challenged',
    mac: as?.mac,
    isKeyBound: as?.key.state === 'bound',
    ticketId: as?.key.state === 'ticket' ? as.key.ticketId : undefined,
  }
  return challenge(identified, context)
}

function challenge(state: SessionState, { now, random }: StepContext): Step {
  const asked: Challenge = { nonce: base64url(random(NONCE_BYTES)), at: now.getTime(), previous: state.previous }
  return stay(
    { ...state, challenge: asked, pulse: { nonce: asked.nonce, at: asked.at }, expiredNonce: state.challenge?.nonce ?? state.expiredNonce },
    { do: 'send', frame: { type: 'challenge', session: state.session, ...asked } },
    { do: 'stop', timer: 'challenge' },
    { do: 'start', timer: 'answer' },
  )
}

function onAnswer(state: SessionState, answer: Extract<AgentFrame, { type: 'challenge-answer' }>, context: StepContext): Step {
  if (state.phase === 'connected' || state.phase === 'identifying') return close(state, CLOSE.protocol, 'unexpected_answer')
  if (state.challenge === undefined) return stay(state) // too late: it was counted as missed
  const judged = judgeAnswer(answer, { agentKey: state.agentKey, session: state.session, challenge: state.challenge })
  if (!judged.ok) {
    // Forgiven once: each answer costs a verification.
    if (judged.reason === 'wrong_nonce' && judged.nonce === state.expiredNonce) return stay({ ...state, expiredNonce: undefined })
    return onWrongAnswer(state, judged.reason)
  }
  const { claims } = judged.value
  const answered: SessionState = { ...state, challenge: undefined, expiredNonce: undefined, previous: judged.digest, missed: 0, claims }
  const next = afterAnswer(answered, claims, context)
  const timers: Effect[] = [
    { do: 'stop', timer: 'answer' },
    { do: 'start', timer: 'challenge' },
  ]
  return { state: next.state, effects: [...timers, ...next.effects] }
}

/**
 * A wrong signature counts against the Mac only on a session that the bound key itself has opened: anywhere else it would let
 * anybody who knows a serial number have a Mac quarantined.
 */
function onWrongAnswer(state: SessionState, reason: string): Step {
  if (reason === 'bad_signature' && isAuthenticated(state) && state.mac !== undefined) {
    return close(state, CLOSE.unproved, 'challenge_bad_signature', { do: 'lost', mac: state.mac, reason: 'CHALLENGE_BAD_SIG' })
  }
  return close(state, CLOSE.protocol, `challenge_${reason}`)
}

function afterAnswer(state: SessionState, claims: Claims, context: StepContext): Step {
  const { mac } = state
  if (state.phase === 'live' && mac !== undefined) {
    return stay(state, { do: 'start', timer: 'silence' }, { do: 'answered', mac, claims }, ...chooseProofs(state))
  }
  if (state.phase !== 'challenged') return stay(state)
  if (state.isKeyBound && mac !== undefined) return admit({ ...state, phase: 'admitting' }, { do: 'admit', mac, claims })
  if (state.ticketId !== undefined) return askForProof(state, state.ticketId, context)
  return stay({ ...state, phase: 'awaiting-ticket' }, ...chooseProofs(state))
}

/** Only for one that offers more than the ticket, and whose possession of its key is shown by the answer. */
function chooseProofs({ mac, offers }: SessionState): Effect[] {
  return mac === undefined || offers.length === 0 ? [] : [{ do: 'choose-proofs', mac, offers }]
}

function askForKey(state: SessionState, asks: readonly KeyProofAsk[]): Step {
  const { session, mac } = state
  if (mac === undefined) return stay(state)
  const attest = asks.find((ask) => ask.type === 'attest-key')
  const isPublishing = state.isPublishing || asks.some((ask) => ask.type === 'publish-key')
  return stay(
    { ...state, isPublishing, attestNonce: attest?.nonce ?? state.attestNonce },
    ...asks.map(({ type, nonce }): Effect => ({ do: 'send', frame: { type, session, mac, nonce: base64url(nonce) } })),
  )
}

/** Proves nothing by itself: the Mac's MDM client has to report the same. */
function onPublished(state: SessionState, frame: Extract<AgentFrame, { type: 'key-published' }>): Step {
  const certificate = fromBase64url(frame.certificate)
  if (!state.isPublishing || state.mac === undefined) return close(state, CLOSE.protocol, 'unexpected_key_published')
  if (certificate === undefined) return close(state, CLOSE.protocol, 'bad_certificate')
  return stay({ ...state, isPublishing: false }, { do: 'published', mac: state.mac, certificate })
}

function onKeyAttestation(state: SessionState, frame: Extract<AgentFrame, { type: 'key-attestation' }>): Step {
  const { mac, attestNonce: nonce } = state
  const chain = frame.chain.flatMap((der) => fromBase64url(der) ?? [])
  if (nonce === undefined || mac === undefined) return close(state, CLOSE.protocol, 'unexpected_key_attestation')
  if (chain.length !== frame.chain.length) return close(state, CLOSE.protocol, 'bad_chain')
  return stay({ ...state, attestNonce: undefined }, { do: 'attested', mac, nonce, chain })
}

/** A key bound meanwhile answers once more and is then admitted; one that is admitted already is only bound more strongly. */
function onKeyChecked(state: SessionState, isProved: boolean, context: StepContext): Step {
  if (isAuthenticated(state) || state.isKeyBound) return stay(state)
  if (!isProved) return close(state, CLOSE.unproved, 'key_not_proved')
  const proved: SessionState = { ...state, isKeyBound: true }
  if (state.phase === 'challenged' || state.phase === 'checking') return stay(proved)
  if (state.phase !== 'awaiting-ticket' && state.phase !== 'proving') return stay(state)
  const next = challenge({ ...proved, phase: 'challenged', bindNonce: undefined }, context)
  return { state: next.state, effects: [{ do: 'stop', timer: 'proof' }, ...next.effects] }
}

/** From here on it is the Mac's own silence that closes the socket, no longer the time that a stranger is given. */
function admit(state: SessionState, effect: Extract<Effect, { do: 'admit' }>): Step {
  return stay(state, { do: 'stop', timer: 'admission' }, { do: 'start', timer: 'silence' }, effect)
}

function onTicket(state: SessionState, ticketId: string, context: StepContext): Step {
  if (state.isKeyBound || state.mac === undefined) return stay(state)
  if (state.phase === 'challenged') return stay({ ...state, ticketId })
  if (state.phase === 'awaiting-ticket') return askForProof(state, ticketId, context)
  if (state.phase === 'proving' && state.ticketId !== ticketId) return askForProof(state, ticketId, context)
  return stay(state)
}

function askForProof(state: SessionState, ticketId: string, { random }: StepContext): Step {
  if (state.mac === undefined) return stay(state)
  const bindNonce = random(NONCE_BYTES)
  return stay(
    { ...state, phase: 'proving', ticketId, bindNonce },
    { do: 'send', frame: { type: 'bind', session: state.session, mac: state.mac, ticketId, nonce: base64url(bindNonce) } },
    { do: 'start', timer: 'proof' },
  )
}

function onProof(state: SessionState, { proof }: Extract<AgentFrame, { type: 'bind-proof' }>): Step {
  const { phase, mac, ticketId, bindNonce: nonce } = state
  if (phase !== 'proving' || mac === undefined || ticketId === undefined || nonce === undefined) {
    return close(state, CLOSE.protocol, 'unexpected_proof')
  }
  const hmac = fromBase64url(proof)
  if (hmac?.length !== HMAC_BYTES) return close(state, CLOSE.protocol, 'bad_proof')
  return stay(
    { ...state, phase: 'checking', bindNonce: undefined },
    { do: 'stop', timer: 'proof' },
    { do: 'prove', mac, ticketId, nonce, hmac },
  )
}

/** An agent beats from its first answer on. Until its key is proved that tells nothing, and a stranger's verification costs us. */
function onHeartbeat(state: SessionState, heartbeat: Extract<AgentFrame, { type: 'heartbeat' }>, { now, random }: StepContext): Step {
  if (!isAuthenticated(state)) return stay(state)
  const { agentKey, session, lastBeat: lastSequence, claims } = state
  const judged = judgeBeat(heartbeat, { agentKey, session, lastSequence, bootSession: claims?.bootSession })
  if (!judged.ok) return onWrongBeat(state, judged.reason)
  const beat = judged.value
  const pulse = { nonce: base64url(random(PULSE_BYTES)), at: now.getTime() }
  return stay(
    { ...state, lastBeat: beat.sequence, pulse },
    { do: 'send', frame: { type: 'pulse', nonce: pulse.nonce } },
    { do: 'start', timer: 'silence' },
    { do: 'beat', beat, isFresh: isFresh(state, beat, now) },
  )
}

/**
 * A beat signed ahead and played while the Mac restarts would hide its silence (DESIGN §4.6). So it counts as presence only where it
 * names the nonce sent last, no longer ago than a silence may be.
 */
function isFresh({ pulse }: SessionState, beat: Beat, now: Date): boolean {
  if (pulse === undefined || beat.pulse !== pulse.nonce) return false
  const ageMs = now.getTime() - pulse.at
  return ageMs >= 0 && ageMs <= SILENCE_LIMIT_MS
}

/** As for an answer: on a session that the bound key has opened, whoever signs wrongly is not what it was. */
function onWrongBeat(state: SessionState, reason: string): Step {
  return reason === 'bad_signature' ? onWrongSignature(state, 'heartbeat') : close(state, CLOSE.protocol, `heartbeat_${reason}`)
}

function onWrongSignature(state: SessionState, of: 'heartbeat' | 'key_config'): Step {
  const lost: Effect[] = state.mac === undefined ? [] : [{ do: 'lost', mac: state.mac, reason: 'CHALLENGE_BAD_SIG' }]
  return close(state, CLOSE.unproved, `${of}_bad_signature`, ...lost)
}

function onAnswerOverdue(state: SessionState, context: StepContext): Step {
  if (state.challenge === undefined) return stay(state)
  if (state.phase !== 'live' || state.mac === undefined) return close(state, CLOSE.silent, 'challenge_overdue')
  const missed = state.missed + 1
  const overdue: SessionState = { ...state, missed, challenge: undefined, expiredNonce: state.challenge.nonce }
  // After a first miss the next challenge comes at once, so that a Mac that has stopped answering is out within a minute.
  if (missed < MISSES_UNTIL_LOST) return challenge(overdue, context)
  const lost: Effect[] = missed === MISSES_UNTIL_LOST ? [{ do: 'lost', mac: state.mac, reason: 'CHALLENGE_MISSED' }] : []
  return stay(overdue, ...lost, { do: 'start', timer: 'challenge' })
}
