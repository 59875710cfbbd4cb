import { SILENCE_LIMIT_MS } from '#protocol/frames'
import type { Mdm, MdmEvents } from '../../mdm/ports.ts'
import type { KeyBindingLevel, Policy } from '../attestation/policy.ts'
import type { TrustAnchors } from '../attestation/roots.ts'
import type { Clock } from '../clock.ts'
import type { SecretBox } from '../secrets.ts'
import type { Store } from '../store/client.ts'
import { findProofOfLife } from '../store/proofs-of-life.ts'
import { type Appraiser, createAppraiser } from './appraise.ts'
import { createFleetDesk } from './desk.ts'
import { finishRevocations } from './inventory.ts'
import { judgeTrustedAgain } from './judge-again.ts'
import { type FleetBeat, keepGoing, saveProofs } from './keep-going.ts'
import { createLiveSessions } from './live-sessions.ts'
import type { MacActions } from './mac-action-views.ts'
import { createMacActions } from './mac-actions.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { enrollmentPlan, type PlanDeps } from './plan.ts'
import type { FleetDesk, SessionControl, SessionReader } from './ports.ts'
import { createFleetReader } from './reader.ts'
import { createReattestations, DEFAULT_REATTESTATION_LIMITS, type ReattestationLimits } from './reattestations.ts'
import { askAfterRelease, askAnew, refreshFleet } from './refresh.ts'
import type { Revocations } from './revocations.ts'
import type { FleetReader } from './views.ts'

export type FleetDeps = {
  revocations: Revocations
  /** How many re-attestations are under way at once, and how they are spread. */
  reattestation?: ReattestationLimits
  /** The level of key binding that is asked for although no policy demands it. */
  keyBindingAmbition?: KeyBindingLevel
  store: Store
  secrets: SecretBox
  clock: Clock
  random: (bytes: number) => Uint8Array
  anchors: TrustAnchors
  policy: () => Policy
  sessions: SessionControl & SessionReader
  /** Asked for when it is used: MDM is made of these events, and is told what to do by them. */
  mdm: () => Mdm
}

export type FleetServices = {
  desk: FleetDesk
  mdmEvents: MdmEvents
  reader: FleetReader
  actions: MacActions
  appraiser: Pick<Appraiser, 'appraise' | 'judgeUnder'>
  /** Asks Apple again where that is due, as far as the limit leaves room. True: it left something waiting. */
  pumpReattestations(): Promise<boolean>
  /** Writes down when each Mac was last heard, so that a short restart costs nothing. */
  saveProofsOfLife(): Promise<void>
  /** Does both of these every few seconds until it is stopped. */
  keepGoing(onFault: (error: unknown) => void): { stop(): Promise<void> }
  /** One round of everything that is due; see refresh.ts. */
  refresh(): Promise<void>
  /**
   * After a start no Mac is connected, whatever the last verdict of the last run says: those that do not come back within the minute
   * that a silence may last are judged then, some at a time, behind those that have come.
   */
  judgeTrustedAgain(signal: AbortSignal, afterMs?: number): Promise<void>
}

export function createFleet(deps: FleetDeps): FleetServices {
  const { store, clock, random, revocations } = deps
  const live = createLiveSessions((mac) => findProofOfLife(store, mac))
  const reattestations = createReattestations({
    ...{ store, clock, random, limits: deps.reattestation ?? DEFAULT_REATTESTATION_LIMITS },
    mdm: { reattest: (...wish) => deps.mdm().reattest(...wish) },
  })
  const appraiser = createAppraiser({ ...deps, live, reattestation: reattestations.want, revokedSerials: revocations.serials })
  const mdm: Pick<Mdm, 'enqueue' | 'invite' | 'end' | 'exportExternal' | 'renewIdentity'> = {
    enqueue: (...command) => deps.mdm().enqueue(...command),
    invite: (invitation) => deps.mdm().invite(invitation),
    end: (enrollmentId) => deps.mdm().end(enrollmentId),
    exportExternal: (invitation) => deps.mdm().exportExternal(invitation),
    renewIdentity: (enrollmentId) => deps.mdm().renewIdentity(enrollmentId),
  }
  const ambition = deps.keyBindingAmbition ?? 'ticket'
  const plan: PlanDeps = { ...deps, mdm, live, appraiser, reattestations, ambition, inTurn: oneAtATime<string>(), startedAt: clock.now() }
  const beat: FleetBeat = {
    pumpReattestations: () => reattestations.pump(),
    saveProofsOfLife: () => saveProofs(store, live),
  }
  // An adopted list revokes Macs that may be connected.
  revocations.onChange(({ macs }) => finishRevocations({ ...deps, mdm, appraiser }, macs))
  return {
    desk: createFleetDesk(plan),
    mdmEvents: enrollmentPlan(plan),
    reader: createFleetReader({ ...deps, mdm, appraiser, revocations, askAnew: (mac) => askAfterRelease(plan, mac) }),
    actions: createMacActions({ ...deps, mdm, askAnew: (about) => askAnew(plan, about) }),
    appraiser,
    ...beat,
    keepGoing: (onFault) => keepGoing(beat, onFault),
    refresh: () => refreshFleet(plan),
    judgeTrustedAgain: (signal, afterMs = SILENCE_LIMIT_MS) => judgeTrustedAgain({ store, live, appraiser, afterMs }, signal),
  }
}
