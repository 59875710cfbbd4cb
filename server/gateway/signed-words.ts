import type { AgentFrame, CoordinatorFrame } from '#protocol/frames'
import type { SessionId } from '#protocol/ids'
import { Beat, openSigned, Transcript } from '#protocol/statements'

/** What an agent signs during a session, judged: pure, one refusal for each check. */

export type Challenge = Pick<Extract<CoordinatorFrame, { type: 'challenge' }>, 'nonce' | 'at' | 'previous'>

type Answer = Extract<AgentFrame, { type: 'challenge-answer' }>
type Heartbeat = Extract<AgentFrame, { type: 'heartbeat' }>

export type Refusal =
  | 'malformed'
  | 'not_canonical'
  | 'bad_signature'
  | 'wrong_session'
  | 'wrong_nonce'
  | 'wrong_time'
  | 'wrong_previous'
  | 'old_sequence'
  | 'boot_session_changed'

export type Judged<T> = { ok: true; value: T; digest: string } | { ok: false; reason: Refusal; nonce?: string }

/** The transcript must repeat this very challenge: session, nonce, time and the digest of the transcript before (DESIGN §4.5). */
export function judgeAnswer(answer: Answer, asked: { agentKey: Uint8Array; session: SessionId; challenge: Challenge }): Judged<Transcript> {
  const signed = { body: answer.transcript, signature: answer.signature }
  const opened = openSigned({ spki: asked.agentKey, purpose: 'challenge', signed, schema: Transcript })
  if (!opened.ok) return opened
  const { session, nonce, at, previous } = opened.value
  if (session !== asked.session) return { ok: false, reason: 'wrong_session' }
  if (nonce !== asked.challenge.nonce) return { ok: false, reason: 'wrong_nonce', nonce }
  if (at !== asked.challenge.at) return { ok: false, reason: 'wrong_time' }
  if (previous !== asked.challenge.previous) return { ok: false, reason: 'wrong_previous' }
  return opened
}

/** A beat must be newer than the last one and of the boot session that the Mac named in its last transcript, if there was one. */
export function judgeBeat(
  heartbeat: Heartbeat,
  known: { agentKey: Uint8Array; session: SessionId; lastSequence: number; bootSession: string | undefined },
): Judged<Beat> {
  const signed = { body: heartbeat.beat, signature: heartbeat.signature }
  const opened = openSigned({ spki: known.agentKey, purpose: 'heartbeat', signed, schema: Beat })
  if (!opened.ok) return opened
  const beat = opened.value
  if (beat.session !== known.session) return { ok: false, reason: 'wrong_session' }
  if (beat.sequence <= known.lastSequence) return { ok: false, reason: 'old_sequence' }
  if (known.bootSession !== undefined && beat.bootSession !== known.bootSession) return { ok: false, reason: 'boot_session_changed' }
  return opened
}
