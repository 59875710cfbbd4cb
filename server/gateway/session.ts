import { setTimeout as sleep } from 'node:timers/promises'
import type { RawData, WebSocket } from 'ws'
import { isEqual } from '#protocol/bytes'
import { decodeDataFrame } from '#protocol/data-frames'
import { type AgentFrame, type Capacity, MAX_CONTROL_FRAME_BYTES, parseAgentFrame } from '#protocol/frames'
import { type MacId, newId, type SessionId } from '#protocol/ids'
import type { Clock } from '../clock.ts'
import type { FleetDesk, RevocationSource, SessionVerdict, SessionView } from '../fleet/ports.ts'
import type { MacExchange, SealedRequestHead } from '../inference/ports.ts'
import type { MacView } from '../scheduler/snapshot.ts'
import { CLOSE, type CloseCode } from './close-codes.ts'
import type { GatewayEvent } from './events.ts'
import { createMissedNews } from './missed-news.ts'
import { createRevocationExchange } from './revocation-exchange.ts'
import { isRoutable } from './routable.ts'
import { createServing, type Serving } from './serving.ts'
import { type Effect, isLive, newSession, type SessionEvent, step } from './session-state.ts'
import { createFrameBudget, createSessionTimers, type SessionTiming } from './session-timers.ts'
import { createSocketWriter } from './socket-writer.ts'

/** One agent's socket: turns its bytes into the events of session-state.ts and carries out what the machine says. */
export interface AgentSession {
  readonly id: SessionId
  /** Undefined until the hello is matched with the inventory; a mere claim until the session is admitted. */
  mac(): MacId | undefined
  /** As the scheduler sees it: undefined until the session speaks for its Mac. */
  view(): MacView | undefined
  /** As people see it: undefined, too, until the session speaks for its Mac. */
  show(): SessionView | undefined
  open(head: SealedRequestHead): MacExchange | undefined
  activeRequests(): number
  ticketDelivered(mac: MacId, ticketId: string): void
  verdictChanged(verdict: SessionVerdict): void
  /** The key was bound by MDM; nothing, if it is not this session's. */
  keyProved(mac: MacId, agentKey: Uint8Array): void
  /** There is a newer list of what is revoked. */
  revocationsChanged(): void
  drain(reason: string): void
  cancelAll(): void
  /** Closes it if it is, or is about to be, this Mac's. */
  disconnect(mac: MacId, reason: string): void
  close(code: CloseCode, reason: string): void
  /** Resolves when the socket has closed and the fleet desk knows. */
  readonly ended: Promise<void>
}

/** What a session asks of the registry that owns it. */
export interface SessionHost {
  /** The session speaks for its Mac now; the verdict on that Mac, if one is known. */
  admitted(session: AgentSession, mac: MacId): SessionVerdict | undefined
  changed(): void
  closed(session: AgentSession): void
  event(event: GatewayEvent): void
}

export type SessionDeps = {
  desk: FleetDesk
  clock: Clock
  random: (bytes: number) => Uint8Array
  timing: SessionTiming
  host: SessionHost
  revocations: RevocationSource
  /** The bound key has answered a challenge: the socket no longer counts as a stranger's. */
  onProved: () => void
}

/** A peer that does not finish the closing handshake in this time is cut. */
const CLOSE_HANDSHAKE_MS = 2000
/** A close frame holds 123 bytes of reason (RFC 6455 §5.5); a UTF-16 unit takes three at most. */
const MAX_REASON_LENGTH = 41

export function runSession(socket: WebSocket, { desk, clock, random, timing, host, revocations, onProved }: SessionDeps): AgentSession {
  const id = newId<SessionId>('ses', random)
  const writer = createSocketWriter(socket)
  const timers = createSessionTimers(timing, (event) => dispatch(event))
  const frameBudget = createFrameBudget(clock)
  const missed = createMissedNews()
  const lists = createRevocationExchange(revocations, writer)
  const openedAt = clock.now()
  let state = newSession(id)
  let serving: Serving | undefined
  let capacity: Capacity | undefined
  let agentVersion = ''
  let heldRevocations: number | undefined
  let isOpenedAtDesk = false
  /** The desk is told one thing after another. */
  let told = Promise.resolve()

  timers.start('admission')
  const helloTimer = setTimeout(() => {
    if (state.phase === 'connected') close(CLOSE.silent, 'no_hello')
  }, timing.helloTimeoutMs)

  /** A desk that fails must not leave a session half believed: the socket closes, and the agent begins anew. */
  function tell(call: () => Promise<void>): void {
    told = told.then(call).catch((error: unknown) => {
      host.event({ type: 'desk-failed', session: id, mac: state.mac, error })
      close(CLOSE.internal, 'desk_failed')
    })
  }

  function dispatch(event: SessionEvent): void {
    const wasLive = isLive(state)
    const next = step(state, event, { now: clock.now(), random })
    state = next.state
    for (const effect of next.effects) carryOut(effect)
    if (wasLive !== isLive(state)) host.changed()
  }

  function carryOut(effect: Effect): void {
    switch (effect.do) {
      case 'send':
        writer.control(effect.frame)
        break
      case 'close':
        close(effect.code, effect.reason)
        break
      case 'start':
      case 'stop':
        timers[effect.do](effect.timer)
        break
      case 'identify':
        tell(() => identify(effect))
        break
      case 'prove':
        tell(() => prove(effect))
        break
      case 'admit':
        isOpenedAtDesk = true
        // Whatever is still to be looked up, this is no stranger: its place is free for the next.
        onProved()
        frameBudget.admitted()
        serving = beginServing(effect.mac)
        tell(() => admit(effect))
        break
      case 'answered':
        tell(() => answered(effect))
        break
      case 'lost':
        host.event({ type: 'liveness-lost', session: id, mac: effect.mac, reason: effect.reason })
        tell(() => desk.livenessLost({ mac: effect.mac, session: id, reason: effect.reason }))
        break
      case 'beat':
        if (state.mac !== undefined && effect.isFresh) desk.alive({ mac: state.mac, session: id, at: clock.now() })
        serving?.beat(effect.beat)
        break
      case 'choose-proofs':
        tell(() => chooseProofs(effect))
        break
      case 'published':
        tell(() => desk.keyPublished({ mac: effect.mac, agentKey: state.agentKey, certificate: effect.certificate }))
        break
      case 'attested':
        tell(() => attested(effect))
        break
      default:
        effect satisfies never
    }
  }

  async function identify({ serial, agentKey }: Extract<Effect, { do: 'identify' }>): Promise<void> {
    const [as] = await Promise.all([desk.identify({ serial, agentKey }), sleep(timing.identifyFloorMs)])
    const news = as === undefined ? {} : missed.take(as.mac)
    dispatch({ type: 'identified', as })
    if (news.disconnected !== undefined) close(CLOSE.notAllowed, news.disconnected)
    else if (news.ticketId !== undefined) dispatch({ type: 'ticket-delivered', ticketId: news.ticketId })
  }

  async function prove({ mac, ticketId, nonce, hmac }: Extract<Effect, { do: 'prove' }>): Promise<void> {
    const isProved = await desk.proveTicket({ mac, ticketId, session: id, nonce, agentKey: state.agentKey, hmac })
    dispatch({ type: 'ticket-checked', isProved })
  }

  async function chooseProofs({ mac, offers }: Extract<Effect, { do: 'choose-proofs' }>): Promise<void> {
    const asks = await desk.chooseKeyProofs({ mac, agentKey: state.agentKey, offers })
    if (asks.length > 0) dispatch({ type: 'proofs-chosen', asks })
  }

  async function attested({ mac, nonce, chain }: Extract<Effect, { do: 'attested' }>): Promise<void> {
    const isProved = await desk.keyAttested({ mac, session: id, nonce, agentKey: state.agentKey, chain })
    dispatch({ type: 'key-checked', isProved })
  }

  function answered({ mac, claims }: Extract<Effect, { do: 'answered' | 'admit' }>): Promise<void> {
    return desk.challengeAnswered({ mac, session: id, agentKey: state.agentKey, claims, at: clock.now() })
  }

  /** The desk hears of the session and its claims before the Mac can be given work, or displaces its older session. */
  async function admit(effect: Extract<Effect, { do: 'admit' }>): Promise<void> {
    const { mac } = effect
    await desk.sessionOpened({ mac, session: id })
    await answered(effect)
    if (state.phase !== 'admitting') return
    if (!(await lists.settle(mac, heldRevocations))) {
      host.event({ type: 'refused', session: id, mac, reason: 'revocation_list' })
      close(CLOSE.unproved, 'revocation_list_refused')
    }
    if (state.phase !== 'admitting') return
    dispatch({ type: 'admitted' })
    host.event({ type: 'session-live', session: id, mac })
    serving?.judge(host.admitted(session, mac))
  }

  function beginServing(mac: MacId): Serving {
    return createServing({
      mac,
      agentKey: state.agentKey,
      clock,
      writer,
      capacity,
      cancelLimitMs: timing.cancelLimitMs,
      changed: host.changed,
      close,
      wronglySigned: () => dispatch({ type: 'wrongly-signed' }),
      refused: (reason) => host.event({ type: 'refused', session: id, mac, reason }),
    })
  }

  function close(code: CloseCode, reason: string): void {
    state = { ...state, phase: 'closed' }
    serving?.vanish()
    lists.abandon()
    if (socket.readyState !== socket.OPEN) return
    socket.close(code, reason.slice(0, MAX_REASON_LENGTH))
    setTimeout(() => socket.terminate(), CLOSE_HANDSHAKE_MS).unref()
  }

  function onMessage(data: RawData, isBinary: boolean): void {
    if (state.phase === 'closed') return
    const bytes = asBytes(data)
    if (isBinary) onData(bytes)
    else if (bytes.length > MAX_CONTROL_FRAME_BYTES) close(CLOSE.tooBig, 'control_frame_too_big')
    else if (!frameBudget.spend()) close(CLOSE.overrun, 'too_many_frames')
    else onText(bytes)
  }

  function onText(bytes: Uint8Array): void {
    const parsed = parseAgentFrame(new TextDecoder().decode(bytes))
    if (parsed.ok) onFrame(parsed.frame)
    else if (parsed.reason === 'malformed') close(CLOSE.protocol, 'malformed_frame')
  }

  function onFrame(frame: AgentFrame): void {
    switch (frame.type) {
      case 'hello':
        agentVersion = frame.agentVersion
        heldRevocations = frame.revocations
        dispatch(frame)
        break
      case 'challenge-answer':
      case 'bind-proof':
      case 'key-published':
      case 'key-attestation':
      case 'heartbeat':
        dispatch(frame)
        break
      case 'revocation-list':
        if (!lists.receive(frame.signed)) close(CLOSE.protocol, 'unexpected_revocation_list')
        break
      default:
        if (frame.type === 'capacity') capacity = frame.capacity
        serving?.receive(frame)
    }
  }

  function onData(bytes: Uint8Array): void {
    const chunk = decodeDataFrame(bytes)
    if (chunk === undefined || serving === undefined) close(CLOSE.protocol, 'malformed_data_frame')
    else serving.receiveChunk(chunk)
  }

  const session: AgentSession = {
    id,
    mac: () => state.mac,
    show() {
      const view = session.view()
      if (view === undefined) return undefined
      // What an agent greets with is signed by nobody: what is shown, and counted by roll-outs, is what it answers for.
      const code = { agentVersion: state.claims?.agentVersion ?? agentVersion, codeHash: state.claims?.codeHash ?? null }
      return { ...view, ...code, session: id, openedAt, thermal: serving?.thermal ?? null, isRoutable: isRoutable(view) }
    },
    view: () => (state.phase === 'live' ? serving?.view(isLive(state)) : undefined),
    open(head) {
      const exchange = isLive(state) ? serving?.open(head) : undefined
      if (exchange !== undefined) frameBudget.requestOpened()
      return exchange
    },
    activeRequests: () => serving?.active ?? 0,
    ticketDelivered(mac, ticketId) {
      if (state.mac === mac) dispatch({ type: 'ticket-delivered', ticketId })
      else if (state.phase === 'identifying') missed.ticketDelivered(mac, ticketId)
      if (missed.isFull) close(CLOSE.internal, 'overloaded')
    },
    verdictChanged(verdict) {
      if (state.phase === 'live') serving?.judge(verdict)
    },
    keyProved(mac, agentKey) {
      if (state.mac === mac && isEqual(state.agentKey, agentKey)) dispatch({ type: 'key-checked', isProved: true })
    },
    revocationsChanged() {
      if (state.phase === 'live') lists.send()
    },
    drain: (reason) => serving?.drain(reason),
    cancelAll: () => serving?.cancelAll(),
    disconnect(mac, reason) {
      if (state.mac === mac) close(CLOSE.notAllowed, reason)
      else if (state.phase === 'identifying') missed.disconnected(mac, reason)
      if (missed.isFull) close(CLOSE.internal, 'overloaded')
    },
    close,
    ended: new Promise((resolve) => {
      socket.once('close', (code, said) => {
        const { mac } = state
        const reason = said.toString() || String(code)
        clearTimeout(helloTimer)
        timers.stopAll()
        state = { ...state, phase: 'closed' }
        serving?.vanish()
        lists.abandon()
        host.closed(session)
        host.event({ type: 'session-closed', session: id, mac, code, reason })
        if (isOpenedAtDesk && mac !== undefined) tell(() => desk.sessionClosed({ mac, session: id, reason }))
        void told.then(resolve)
      })
    }),
  }

  socket.on('message', onMessage)
  // ws closes the socket itself with the fitting code (1009 for a frame over maxPayload); 'close' follows.
  socket.on('error', (error) => host.event({ type: 'socket-error', session: id, error }))
  return session
}

function asBytes(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data
}
