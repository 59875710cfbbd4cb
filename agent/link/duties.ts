import { setTimeout as sleep } from 'node:timers/promises'
import { sha256 } from '@noble/hashes/sha2.js'
import { base64url, fromBase64url, hex } from '#protocol/bytes'
import { type AgentFrame, type Claims, type CoordinatorFrame, PROTOCOL_VERSION } from '#protocol/frames'
import type { SessionId } from '#protocol/ids'
import { type Beat, bindProof, signCanonical, type Transcript } from '#protocol/statements'
import type { Engine } from '../engine/engine.ts'
import type { Platform } from '../identity/platform.ts'
import type { Revocations } from '../revocations/revocations.ts'
import { AGENT_VERSION } from '../version.ts'
import { keyBindingsOf } from './key-binding.ts'
import type { KeyRing } from './key-ring.ts'

/** What the agent signs and proves in a session; each gives the frame to send. */
type Frame<Type extends AgentFrame['type']> = Extract<AgentFrame, { type: Type }>
type Challenge = Extract<CoordinatorFrame, { type: 'challenge' }>
type Bind = Extract<CoordinatorFrame, { type: 'bind' }>

export function helloFrame(platform: Platform, { number }: Pick<Revocations, 'number'>): Frame<'hello'> {
  return {
    type: 'hello',
    protocol: PROTOCOL_VERSION,
    serial: platform.serial,
    agentKey: base64url(platform.signer.publicKey),
    agentVersion: AGENT_VERSION,
    keyBindings: keyBindingsOf(platform),
    ...(number === undefined ? {} : { revocations: number }),
  }
}

async function claimsOf(sources: { platform: Platform; engine: Engine; keys: KeyRing }): Promise<Claims> {
  const { platform, engine, keys } = sources
  return {
    agentVersion: AGENT_VERSION,
    platform: platform.kind,
    codeHash: platform.codeHash,
    teamId: platform.teamId,
    ...(await platform.facts()),
    models: engine.digests(),
    sealingKeys: keys.publicKeys(),
  }
}

/** Signs the transcript of one challenge: every claim, bound to session, nonce, time and the transcript before (DESIGN §4.5). */
export async function answerChallenge(
  challenge: Challenge,
  sources: { platform: Platform; engine: Engine; keys: KeyRing },
): Promise<{ frame: Frame<'challenge-answer'>; transcript: string }> {
  const { session, nonce, at, previous } = challenge
  const transcript: Transcript = { v: 1, session, nonce, at, previous, claims: await claimsOf(sources) }
  const { body, signature } = await signCanonical(sources.platform.signer, 'challenge', transcript)
  return { frame: { type: 'challenge-answer', transcript: body, signature }, transcript: hex(sha256(fromBase64url(body) as Uint8Array)) }
}

/** MDM may deliver the ticket after the coordinator asks for its proof. */
const TICKET_POLL_MS = 500
const TICKET_WAIT_MS = 5 * 60_000

/** Waits for the ticket and proves it; undefined when it did not come in time or `signal` aborted. */
export async function proveTicket(bind: Bind, platform: Platform, signal: AbortSignal): Promise<Frame<'bind-proof'> | undefined> {
  const nonce = fromBase64url(bind.nonce)
  if (nonce === undefined) return undefined
  for (let waitedMs = 0; !signal.aborted && waitedMs < TICKET_WAIT_MS; waitedMs += TICKET_POLL_MS) {
    const ticket = await platform.readTicket(bind.ticketId)
    if (ticket !== undefined) {
      const { ticketId, mac, session } = bind
      const proof = bindProof({ ticket, ticketId, mac, session, nonce, agentKey: platform.signer.publicKey })
      ticket.fill(0)
      return { type: 'bind-proof', proof: base64url(proof) }
    }
    await sleep(TICKET_POLL_MS, undefined, { signal }).catch(() => undefined)
  }
  return undefined
}

export async function heartbeatFrame(
  platform: Platform,
  state: { session: SessionId; pulse: string | undefined; sequence: number; at: number; available: boolean; active: number },
): Promise<Frame<'heartbeat'>> {
  const { bootSession } = await platform.facts()
  const { pulse, ...news } = state
  const beat = { v: 1, ...news, bootSession } satisfies Beat
  const { body, signature } = await signCanonical(platform.signer, 'heartbeat', pulse === undefined ? beat : { ...beat, pulse })
  return { type: 'heartbeat', beat: body, signature }
}
