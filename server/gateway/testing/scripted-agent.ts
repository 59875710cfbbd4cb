import { generateKeyPairSync, sign } from 'node:crypto'
import { WebSocket } from 'ws'
import { base64url, fromBase64url } from '#protocol/bytes'
import { type DataFrame, decodeDataFrame, encodeDataFrame } from '#protocol/data-frames'
import {
  type AgentFrame,
  type Capacity,
  Claims,
  type CoordinatorFrame,
  parseCoordinatorFrame,
  type SignedKeyConfig,
} from '#protocol/frames'
import type { MacId, SessionId } from '#protocol/ids'
import { type Beat, bindProof, type KeyConfig, type Signer, signCanonical, type Transcript } from '#protocol/statements'

/** An agent that does exactly what a test tells it to: a real socket and a real P-256 key, and no behaviour of its own. */
export type ScriptedAgent = {
  readonly signer: Signer
  send(frame: AgentFrame | { type: string }): void
  sendText(text: string): void
  sendData(frame: DataFrame): void
  sendBytes(bytes: Uint8Array): void
  /** The next frame of this type that no one has taken yet. */
  next<Type extends CoordinatorFrame['type']>(type: Type): Promise<Extract<CoordinatorFrame, { type: Type }>>
  nextData(): Promise<DataFrame>
  /** Every frame of this type that has arrived and was not taken. */
  waiting(type: CoordinatorFrame['type']): number
  pause(): void
  resume(): void
  close(): void
  readonly closed: Promise<{ code: number; reason: string }>
}

type ChallengeFrame = Extract<CoordinatorFrame, { type: 'challenge' }>

export function createP256Signer(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    publicKey: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    sign: async (message) => new Uint8Array(sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  }
}

export const CLAIMS: Claims = Claims.parse({
  agentVersion: '0.1.0',
  platform: 'software',
  codeHash: 'c0'.repeat(32),
  teamId: null,
  osVersion: '15.6',
  osBuild: '24G84',
  sipEnabled: true,
  secureBoot: 'full',
  rdmaEnabled: false,
  bootSession: 'boot-1',
  models: {},
  sealingKeys: [],
})

export const CAPACITY: Capacity = {
  slots: 2,
  active: 0,
  models: [{ name: 'demo', state: 'ready', contextTokens: 2048 }],
  thermal: 'nominal',
  available: true,
}

export async function connectAgent(url: string, signer: Signer = createP256Signer()): Promise<ScriptedAgent> {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  const frames = createInbox<CoordinatorFrame>()
  const data = createInbox<DataFrame>()
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
  socket.on('message', (message: Buffer, isBinary) => {
    if (isBinary) return data.put(decodeDataFrame(new Uint8Array(message)) as DataFrame)
    const parsed = parseCoordinatorFrame(message.toString())
    if (!parsed.ok) throw new Error(`the coordinator sent what its own schema refuses: ${message}`)
    frames.put(parsed.frame)
  })
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  socket.on('error', () => {})
  return {
    signer,
    closed,
    send: (frame) => socket.send(JSON.stringify(frame)),
    sendText: (text) => socket.send(text),
    sendData: (frame) => socket.send(encodeDataFrame(frame)),
    sendBytes: (bytes) => socket.send(bytes),
    next: (type) => frames.take((frame) => frame.type === type) as never,
    nextData: () => data.take(() => true),
    waiting: (type) => frames.count((frame) => frame.type === type),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: () => socket.close(),
  }
}

function createInbox<T>() {
  const items: T[] = []
  const takers: { wants: (item: T) => boolean; resolve: (item: T) => void }[] = []
  return {
    put(item: T): void {
      const at = takers.findIndex(({ wants }) => wants(item))
      if (at < 0) items.push(item)
      else takers.splice(at, 1)[0]?.resolve(item)
    },
    take(wants: (item: T) => boolean): Promise<T> {
      const at = items.findIndex(wants)
      if (at >= 0) return Promise.resolve(items.splice(at, 1)[0] as T)
      return new Promise((resolve) => takers.push({ wants, resolve }))
    },
    count: (wants: (item: T) => boolean) => items.filter(wants).length,
  }
}

type Hello = Extract<AgentFrame, { type: 'hello' }>

export function hello(agent: ScriptedAgent, serial = 'SERIAL1', more: Partial<Hello> = {}): void {
  agent.send({ type: 'hello', protocol: 2, serial, agentKey: base64url(agent.signer.publicKey), agentVersion: '0.1.0', ...more })
}

/** Answers a challenge truthfully but for `changes`, and gives the signed body. */
export async function answer(
  agent: ScriptedAgent,
  challenge: ChallengeFrame,
  changes: Partial<Transcript> = {},
  signer = agent.signer,
): Promise<{ transcript: string; signature: string }> {
  const { session, nonce, at, previous } = challenge
  const transcript: Transcript = { v: 1, session, nonce, at, previous, claims: CLAIMS, ...changes }
  const { body, signature } = await signCanonical(signer, 'challenge', transcript)
  agent.send({ type: 'challenge-answer', transcript: body, signature })
  return { transcript: body, signature }
}

export async function beat(agent: ScriptedAgent, session: SessionId, changes: Partial<Beat> = {}, signer = agent.signer): Promise<void> {
  const { pulse, ...rest } = {
    v: 1 as const,
    session,
    sequence: 0,
    at: Date.now(),
    available: true,
    active: 0,
    bootSession: CLAIMS.bootSession,
    ...changes,
  } satisfies Beat
  const value = { ...rest, v: 1 as const }
  const { body, signature } = await signCanonical(signer, 'heartbeat', pulse === undefined ? value : { ...value, pulse })
  agent.send({ type: 'heartbeat', beat: body, signature })
}

export function prove(agent: ScriptedAgent, bind: Extract<CoordinatorFrame, { type: 'bind' }>, ticket: Uint8Array): void {
  const nonce = fromBase64url(bind.nonce) as Uint8Array
  const { ticketId, mac, session } = bind
  agent.send({
    type: 'bind-proof',
    proof: base64url(bindProof({ ticket, ticketId, mac, session, nonce, agentKey: agent.signer.publicKey })),
  })
}

export async function keyConfig(
  agent: ScriptedAgent,
  mac: MacId,
  changes: Partial<KeyConfig> = {},
  signer = agent.signer,
): Promise<SignedKeyConfig> {
  const now = Date.now()
  const config: KeyConfig = {
    v: 1,
    suite: 'x25519-hkdf-sha256-aes256gcm',
    publicKey: base64url(crypto.getRandomValues(new Uint8Array(32))),
    notBefore: now,
    notAfter: now + 12 * 3600_000,
    mac,
    evidenceDigest: 'ee'.repeat(32),
    build: 'test',
    ...changes,
  }
  const { body, signature } = await signCanonical(signer, 'key-config', config)
  return { config: body, signature }
}
