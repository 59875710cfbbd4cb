import { type Capacity, HEARTBEAT_INTERVAL_MS } from '#protocol/frames'
import { createRevocationJoiner, toRevocationPages } from '#protocol/revocations'
import type { Engine } from '../engine/engine.ts'
import type { Platform } from '../identity/platform.ts'
import type { Desk } from '../inference/desk.ts'
import { faultOf, type Logger } from '../log.ts'
import type { Revocations } from '../revocations/revocations.ts'
import { answerChallenge, heartbeatFrame, helloFrame, proveTicket } from './duties.ts'
import { attestKey, publishKey } from './key-binding.ts'
import type { KeyRing } from './key-ring.ts'
import type { Sender } from './sender.ts'
import { INITIAL_LINK_STATE, type LinkEffect, type LinkEvent, type LinkState, transition } from './state.ts'

/** Performs what the state machine decides. */
export interface Driver {
  dispatch(event: LinkEvent): void
  capacityChanged(): void
  /** Begins to drain on our own account (SIGTERM). */
  drain(): void
  /** The socket is gone. */
  ended(): void
}

/** What outlives a session. */
export type LinkDeps = {
  url: string
  platform: Platform
  engine: Engine
  keys: KeyRing
  revocations: Revocations
  log: Logger
  now: () => number
  heartbeatMs?: number
  drainDeadlineMs?: number
  /** Fires `change` when a model was loaded, failed or made progress. */
  modelNews: EventTarget
  /** Told of every change, for the status file. */
  report: (news: { connected: boolean; state: LinkState; capacity: Capacity }) => void
}

export type DriverDeps = LinkDeps & {
  sender: Sender
  desk: Desk
  gone: AbortSignal
  close: (reason: string, code?: number) => void
}

const DRAIN_DEADLINE_MS = 20_000
/** Capacity hints are news for the scheduler, not a stream: at most ten a second. */
const CAPACITY_PAUSE_MS = 100
const NORMAL_CLOSURE = 1000

export function createDriver(deps: DriverDeps): Driver {
  const { sender, desk, gone, engine, platform, keys, revocations } = deps
  const joinRevocations = createRevocationJoiner()
  let state = INITIAL_LINK_STATE
  let answering: Promise<void> = Promise.resolve()
  let keeping: Promise<void> = Promise.resolve()
  let proving: AbortController | undefined
  let publishedConfig: string | undefined
  let beats = 0
  let capacityTimer: NodeJS.Timeout | undefined
  let heartbeatTimer: NodeJS.Timeout | undefined

  function dispatch(event: LinkEvent): void {
    const step = transition(state, event)
    state = step.state
    for (const effect of step.effects) perform(effect)
  }

  function perform(effect: LinkEffect): void {
    switch (effect.type) {
      case 'greet':
        sender.control(helloFrame(platform, revocations))
        break
      case 'answer':
        answering = answering.then(() => orClose('answer', answer(effect.challenge)))
        break
      case 'begin':
        begin()
        break
      case 'prove':
        void orClose('prove', prove(effect.bind))
        break
      case 'bind-key':
        void bindKey(effect.asked)
        break
      case 'keep-revocations':
        keeping = keeping.then(() => orClose('keep-revocations', keepRevocations(effect.signed)))
        break
      case 'give-revocations':
        keeping = keeping.then(giveRevocations) // after a list that is being written
        break
      case 'publish':
        publishedConfig = undefined // Whoever asks again has it no more.
        void orClose('publish', publish())
        break
      case 'report':
        report(true)
        break
      case 'serve':
        serveFrame(effect.frame)
        break
      case 'drain':
        void orClose('drain', drain())
        break
      case 'close':
        deps.close(effect.reason)
        break
      default:
        effect satisfies never
    }
  }

  /** A duty that fails leaves the session in a state nobody planned: it is given up, and the next one begins anew. */
  async function orClose(duty: string, work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      if (gone.aborted) return
      deps.log.error({ duty, ...faultOf(error) }, 'duty failed')
      deps.close(`${duty} failed`, 1011)
    }
  }

  async function answer(challenge: Extract<LinkEffect, { type: 'answer' }>['challenge']): Promise<void> {
    const { frame, transcript } = await answerChallenge(challenge, { platform, engine, keys })
    sender.control(frame)
    dispatch({ type: 'answered', transcript })
  }

  function begin(): void {
    sendCapacity()
    void orClose('heartbeat', beat())
    heartbeatTimer = setInterval(() => void orClose('heartbeat', beat()), deps.heartbeatMs ?? HEARTBEAT_INTERVAL_MS)
  }

  async function beat(): Promise<void> {
    if (state.session === undefined) return
    const { available } = capacity()
    const { session, pulse } = state
    const news = { session, pulse, sequence: beats++, at: deps.now(), available, active: desk.active }
    sender.control(await heartbeatFrame(platform, news))
    await publish() // where the standing configuration is about to end
  }

  async function prove(bind: Extract<LinkEffect, { type: 'prove' }>['bind']): Promise<void> {
    proving?.abort()
    proving = new AbortController()
    const frame = await proveTicket(bind, platform, AbortSignal.any([gone, proving.signal]))
    if (frame !== undefined) sender.control(frame)
    else deps.log.warn({ ticket: bind.ticketId }, 'no ticket to prove')
  }

  /** A Mac that cannot be bound in this way goes on with what it can; the coordinator sees that no answer came. */
  async function bindKey(asked: Extract<LinkEffect, { type: 'bind-key' }>['asked']): Promise<void> {
    try {
      const frame = asked.type === 'publish-key' ? await publishKey(asked, platform, deps.now()) : await attestKey(asked, platform, gone)
      if (frame !== undefined) sender.control(frame)
      else deps.log.warn({ asked: asked.type }, 'the key cannot be bound like this here')
    } catch (error) {
      if (!gone.aborted) deps.log.warn({ asked: asked.type, ...faultOf(error) }, 'the key was not bound')
    }
  }

  /** A list that revokes this very Mac ends the session, and with it all work; the next session serves nothing. */
  async function keepRevocations(signed: Extract<LinkEffect, { type: 'keep-revocations' }>['signed']): Promise<void> {
    const joined = joinRevocations(signed)
    if (joined.state === 'malformed') deps.close('revocation list malformed')
    if (joined.state !== 'whole') return
    const taken = await revocations.take(joined.signed)
    deps.log.info({ taken, number: revocations.number }, 'revocation list')
    if (taken === 'unsigned' || taken === 'conflicting') deps.close(`revocation list ${taken}`)
    else if (taken === 'taken' && isRevoked()) deps.close('this Mac is revoked')
    else if (taken === 'taken') await publish()
  }

  function giveRevocations(): void {
    if (revocations.signed === undefined) return
    for (const page of toRevocationPages(revocations.signed)) sender.control({ type: 'revocation-list', signed: page })
  }

  const isRevoked = (): boolean => revocations.isRevoked(platform.serial)

  async function publish(): Promise<void> {
    const { mac, trust, evidenceDigest } = state
    if (isRevoked()) return
    if (trust !== 'trusted' || mac === null || evidenceDigest === null) return
    const keyConfig = await keys.publish({ mac, evidenceDigest })
    if (state.evidenceDigest !== evidenceDigest || keyConfig.signature === publishedConfig) return
    publishedConfig = keyConfig.signature
    sender.control({ type: 'key-config', keyConfig })
    deps.log.info({ evidenceDigest }, 'key configuration published')
  }

  function serveFrame(frame: Extract<LinkEffect, { type: 'serve' }>['frame']): void {
    if (frame.type === 'request') desk.announce(frame)
    else if (frame.type === 'credit') desk.grant(frame.request, frame.bytes)
    else desk.cancel(frame.request)
  }

  async function drain(): Promise<void> {
    await desk.drain(deps.drainDeadlineMs ?? DRAIN_DEADLINE_MS)
    sender.control({ type: 'drained' })
    await sender.idle()
    deps.close('drained', NORMAL_CLOSURE)
  }

  function capacity(): Capacity {
    const models = engine.models()
    return { slots: engine.slots, active: desk.active, models, thermal: 'nominal', available: !desk.isDraining && !isRevoked() }
  }

  function sendCapacity(): void {
    if (gone.aborted) return
    if (state.phase === 'established') sender.control({ type: 'capacity', capacity: capacity() })
    report(true)
  }

  function report(connected: boolean): void {
    deps.report({ connected, state, capacity: capacity() })
  }

  return {
    dispatch,
    capacityChanged() {
      capacityTimer ??= setTimeout(() => {
        capacityTimer = undefined
        sendCapacity()
      }, CAPACITY_PAUSE_MS)
    },
    drain: () => dispatch({ type: 'frame', frame: { type: 'drain', reason: 'the agent is stopping' } }),
    ended() {
      clearInterval(heartbeatTimer)
      clearTimeout(capacityTimer)
      report(false)
    },
  }
}
