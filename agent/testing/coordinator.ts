import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { base64url, fromBase64url, isEqual, utf8 } from '#protocol/bytes'
import { DATA_KIND, type DataFrame, decodeDataFrame, encodeDataFrame } from '#protocol/data-frames'
import { type AgentFrame, type CoordinatorFrame, parseAgentFrame } from '#protocol/frames'
import { type MacId, newId, type RequestId, randomBytes, type SessionId } from '#protocol/ids'
import { EngineEvent, type EngineRequest } from '#protocol/inference'
import { type ResponseOpener, sealRequestTo } from '#protocol/sealing'
import { bindProof, type KeyConfig, type Opened, openKeyConfig, openSigned, Transcript } from '#protocol/statements'

/** The other end of an agent's socket, for tests: a real WebSocket server that speaks the protocol and can be told to misbehave. */
export interface TestCoordinator {
  readonly url: string
  /** The next agent that dials. */
  nextAgent(): Promise<AgentConnection>
  close(): Promise<void>
}

type FrameOf<Type extends AgentFrame['type']> = Extract<AgentFrame, { type: Type }>

type PublishedConfig = { config: KeyConfig; digest: string; publicKey: Uint8Array }

export interface AgentConnection {
  readonly session: SessionId
  readonly mac: MacId
  readonly socket: WebSocket
  send(frame: CoordinatorFrame): void
  sendData(frame: DataFrame): void
  /** The next frame of this type that nobody has taken yet. */
  next<Type extends AgentFrame['type']>(type: Type): Promise<FrameOf<Type>>
  /** Frames of this type that came so far and were not taken. */
  waiting<Type extends AgentFrame['type']>(type: Type): FrameOf<Type>[]
  /** Response chunks of a request, as they came. */
  chunks(request: RequestId): DataFrame[]
  /** Challenges, and insists on a right answer. */
  challenge(previous?: string | null): Promise<Opened<Transcript> & { ok: true }>
  /** Asks for the proof of a ticket, and says whether it is right. */
  bind(ticketId: string, ticket: Uint8Array): Promise<boolean>
  /** Declares the Mac trusted; gives the key configuration that it publishes. */
  trust(evidenceDigest: string): Promise<PublishedConfig>
  /** hello, challenge, trusted: ready for requests. */
  establish(): Promise<PublishedConfig>
  /** Seals and sends a request. */
  ask(config: PublishedConfig, request: EngineRequest | Uint8Array, changes?: AskChanges): Promise<Asked>
  readonly closed: Promise<{ code: number; reason: string }>
}

type AskChanges = {
  id?: RequestId
  model?: string
  sealedAt?: number
  keyConfig?: string
  /** Sends the head only. */
  withoutBody?: boolean
  /** Bytes in each chunk. */
  chunkBytes?: number
  /** Spoils the ciphertext of a chunk. */
  spoil?: (ciphertext: Uint8Array) => Uint8Array
}

type Asked = { request: RequestId; head: Extract<CoordinatorFrame, { type: 'request' }>; response: ResponseOpener }

export async function startCoordinator(): Promise<TestCoordinator> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/agent' })
  await once(server, 'listening')
  const arrived: AgentConnection[] = []
  const expecting: ((agent: AgentConnection) => void)[] = []
  server.on('connection', (socket) => {
    const agent = connectAgent(socket)
    const expected = expecting.shift()
    if (expected === undefined) arrived.push(agent)
    else expected(agent)
  })
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/agent`,
    async nextAgent() {
      return arrived.shift() ?? new Promise((resolve) => expecting.push(resolve))
    },
    async close() {
      for (const client of server.clients) client.terminate()
      server.close()
      await once(server, 'close')
    },
  }
}

function connectAgent(socket: WebSocket): AgentConnection {
  const session = newId<SessionId>('ses')
  const mac = newId<MacId>('mac')
  const frames: AgentFrame[] = []
  const chunks: DataFrame[] = []
  let agentKey = new Uint8Array()
  let wake = (): void => undefined

  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) chunks.push(decodeDataFrame(new Uint8Array(data)) as DataFrame)
    else {
      const parsed = parseAgentFrame(data.toString())
      if (!parsed.ok) throw new Error(`the agent sent ${parsed.reason}: ${data.toString()}`)
      if (parsed.frame.type === 'hello') agentKey = fromBase64url(parsed.frame.agentKey) as Uint8Array<ArrayBuffer>
      frames.push(parsed.frame)
    }
    wake()
  })

  async function next<Type extends AgentFrame['type']>(type: Type): Promise<FrameOf<Type>> {
    const deadline = performance.now() + 10_000
    for (;;) {
      const index = frames.findIndex((frame) => frame.type === type)
      if (index >= 0) return frames.splice(index, 1)[0] as FrameOf<Type>
      if (performance.now() > deadline) throw new Error(`no ${type} from the agent`)
      await Promise.race([new Promise<void>((resolve) => (wake = resolve)), new Promise((resolve) => setTimeout(resolve, 200))])
    }
  }

  const send = (frame: CoordinatorFrame): void => socket.send(JSON.stringify(frame))
  const sendData = (frame: DataFrame): void => socket.send(encodeDataFrame(frame))

  async function challenge(previous: string | null = null): Promise<Opened<Transcript> & { ok: true }> {
    if (agentKey.length === 0) await next('hello')
    const nonce = base64url(randomBytes(32))
    const at = Date.now()
    send({ type: 'challenge', session, nonce, at, previous })
    const { transcript, signature } = await next('challenge-answer')
    const opened = openSigned({ spki: agentKey, purpose: 'challenge', signed: { body: transcript, signature }, schema: Transcript })
    if (!opened.ok) throw new Error(`answer: ${opened.reason}`)
    const { value } = opened
    if (value.nonce !== nonce || value.at !== at || value.session !== session || value.previous !== previous) throw new Error('other words')
    return opened
  }

  async function bind(ticketId: string, ticket: Uint8Array): Promise<boolean> {
    const nonce = randomBytes(32)
    send({ type: 'bind', session, mac, ticketId, nonce: base64url(nonce) })
    const { proof } = await next('bind-proof')
    return isEqual(fromBase64url(proof) as Uint8Array, bindProof({ ticket, ticketId, mac, session, nonce, agentKey }))
  }

  async function trust(evidenceDigest: string): Promise<PublishedConfig> {
    send({ type: 'status', mac, trust: 'trusted', reasons: [], evidenceDigest })
    const { keyConfig } = await next('key-config')
    const opened = openKeyConfig(agentKey, keyConfig)
    if (!opened.ok) throw new Error(`key configuration: ${opened.reason}`)
    return { config: opened.value, digest: opened.digest, publicKey: fromBase64url(opened.value.publicKey) as Uint8Array }
  }

  async function ask(config: PublishedConfig, request: EngineRequest | Uint8Array, changes: AskChanges = {}): Promise<Asked> {
    const sealer = await sealRequestTo(config)
    const id = changes.id ?? newId<RequestId>('req')
    const model = changes.model ?? (request instanceof Uint8Array ? 'sim-model' : request.model)
    const keyConfig = changes.keyConfig ?? config.digest
    const head = {
      type: 'request',
      request: id,
      model,
      keyConfig,
      enc: base64url(sealer.enc),
      sealedAt: changes.sealedAt ?? Date.now(),
    } as const
    send(head)
    const body = request instanceof Uint8Array ? request : utf8(JSON.stringify(request))
    const size = changes.chunkBytes ?? 64 * 1024
    for (let start = 0, sequence = 0; !changes.withoutBody && start < body.length; start += size, sequence++) {
      const final = start + size >= body.length
      const sealed = await sealer.seal(body.subarray(start, start + size), final)
      sendData({ kind: DATA_KIND.requestChunk, request: id, sequence, final, ciphertext: changes.spoil?.(sealed) ?? sealed })
    }
    return { request: id, head, response: sealer.openResponse() }
  }

  return {
    session,
    mac,
    socket,
    send,
    sendData,
    next,
    waiting: <Type extends AgentFrame['type']>(type: Type) => frames.filter((frame): frame is FrameOf<Type> => frame.type === type),
    chunks: (request) => chunks.filter((chunk) => chunk.request === request),
    challenge,
    bind,
    trust,
    async establish() {
      await challenge()
      return trust('ab'.repeat(32))
    },
    ask,
    closed: new Promise((resolve) => socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))),
  }
}

/** Opens every chunk of a finished response, and insists that it is whole. */
export function openAnswer(chunks: readonly DataFrame[], response: ResponseOpener): { text: string; events: EngineEvent[] } {
  const events = chunks.map((chunk) => EngineEvent.parse(JSON.parse(new TextDecoder().decode(response.open(chunk)))))
  response.end()
  return { text: events.map((event) => (event.type === 'text' ? event.text : '')).join(''), events }
}
