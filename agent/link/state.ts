import type { CoordinatorFrame } from '#protocol/frames'
import type { MacId, SessionId } from '#protocol/ids'

/**
 * What a session with the coordinator knows, and what each event makes of it. Pure: the driver (session.ts) performs the effects.
 *
 *   opened → hello → challenge → answer → established ─ bind → proof
 *                                                    ├ publish-key, attest-key → certificate, Apple's word
 *                                                    ├ status → key configuration
 *                                                    ├ revocation-list → kept; asked for → given
 *                                                    ├ request, credit, cancel → the desk
 *                                                    └ drain
 */
export type LinkState = {
  phase: 'opening' | 'greeted' | 'established'
  session: SessionId | undefined
  /** Digests of the transcripts signed in this session, newest first: a challenge may build on one of these or on none. */
  transcripts: readonly string[]
  mac: MacId | null
  trust: 'trusted' | 'refused' | 'unknown'
  reasons: readonly string[]
  evidenceDigest: string | null
  isDraining: boolean
  /** The coordinator's last nonce, to be named in the next heartbeat. */
  pulse: string | undefined
}

export const INITIAL_LINK_STATE: LinkState = {
  phase: 'opening',
  session: undefined,
  transcripts: [],
  mac: null,
  trust: 'unknown',
  reasons: [],
  evidenceDigest: null,
  isDraining: false,
  pulse: undefined,
}

type Frame<Type extends CoordinatorFrame['type']> = Extract<CoordinatorFrame, { type: Type }>

export type LinkEvent =
  | { type: 'opened' }
  | { type: 'frame'; frame: CoordinatorFrame }
  /** Our answer to a challenge has been signed and sent. */
  | { type: 'answered'; transcript: string }

export type LinkEffect =
  | { type: 'greet' }
  | { type: 'answer'; challenge: Frame<'challenge'> }
  | { type: 'begin' }
  | { type: 'prove'; bind: Frame<'bind'> }
  | { type: 'bind-key'; asked: Frame<'publish-key' | 'attest-key'> }
  | { type: 'keep-revocations'; signed: Frame<'revocation-list'>['signed'] }
  | { type: 'give-revocations' }
  | { type: 'publish'; mac: MacId; evidenceDigest: string }
  | { type: 'report' }
  | { type: 'serve'; frame: Frame<'request' | 'cancel' | 'credit'> }
  | { type: 'drain' }
  | { type: 'close'; reason: string }

export type LinkStep = { state: LinkState; effects: LinkEffect[] }

/** A late answer may cross the next challenge, so a few transcripts back are still ours. */
const REMEMBERED_TRANSCRIPTS = 4

export function transition(state: LinkState, event: LinkEvent): LinkStep {
  if (event.type === 'opened') return { state: { ...state, phase: 'greeted' }, effects: [{ type: 'greet' }] }
  if (event.type === 'answered') return onAnswered(state, event.transcript)
  return onFrame(state, event.frame)
}

function onAnswered(state: LinkState, transcript: string): LinkStep {
  const transcripts = [transcript, ...state.transcripts].slice(0, REMEMBERED_TRANSCRIPTS)
  const effects: LinkEffect[] = state.phase === 'established' ? [] : [{ type: 'begin' }]
  return { state: { ...state, phase: 'established', transcripts }, effects }
}

function onFrame(state: LinkState, frame: CoordinatorFrame): LinkStep {
  switch (frame.type) {
    case 'challenge':
      return onChallenge(state, frame)
    case 'pulse':
      return keep({ ...state, pulse: frame.nonce })
    case 'bind':
      return frame.session === state.session ? keep(state, { type: 'prove', bind: frame }) : refuse(state, 'bind of another session')
    case 'publish-key':
    case 'attest-key':
      return frame.session === state.session ? keep(state, { type: 'bind-key', asked: frame }) : refuse(state, 'binding of another session')
    case 'revocation-list':
      return keep(state, { type: 'keep-revocations', signed: frame.signed })
    case 'send-revocation-list':
      return keep(state, { type: 'give-revocations' })
    case 'status':
      return onStatus(state, frame)
    case 'request':
    case 'cancel':
    case 'credit':
      return keep(state, { type: 'serve', frame })
    case 'desired-models':
      return keep(state)
    case 'drain':
      return state.isDraining ? keep(state) : { state: { ...state, isDraining: true }, effects: [{ type: 'report' }, { type: 'drain' }] }
    default:
      return frame satisfies never
  }
}

/** Answered only within one session and one chain: a coordinator cannot have us sign a history that was not. */
function onChallenge(state: LinkState, challenge: Frame<'challenge'>): LinkStep {
  if (state.phase === 'opening') return refuse(state, 'challenge before hello')
  if (state.session !== undefined && challenge.session !== state.session) return refuse(state, 'challenge of another session')
  if (challenge.previous !== null && !state.transcripts.includes(challenge.previous)) return refuse(state, 'challenge breaks the chain')
  return { state: { ...state, session: challenge.session, pulse: challenge.nonce }, effects: [{ type: 'answer', challenge }] }
}

function onStatus(state: LinkState, { mac, trust, reasons, evidenceDigest }: Frame<'status'>): LinkStep {
  const next: LinkState = { ...state, mac, trust, reasons, evidenceDigest }
  const canPublish = trust === 'trusted' && mac !== null && evidenceDigest !== null
  return { state: next, effects: canPublish ? [{ type: 'report' }, { type: 'publish', mac, evidenceDigest }] : [{ type: 'report' }] }
}

const keep = (state: LinkState, ...effects: LinkEffect[]): LinkStep => ({ state, effects })
const refuse = (state: LinkState, reason: string): LinkStep => keep(state, { type: 'close', reason })
