import type { Mdm, MdmEvents } from '../../mdm/ports.ts'
import type { Policy } from '../attestation/policy.ts'
import type { TrustAnchors } from '../attestation/roots.ts'
import type { Clock } from '../clock.ts'
import type { SecretBox } from '../secrets.ts'
import type { Store } from '../store/client.ts'
import { listTrustedMacs } from '../store/verdicts.ts'
import { createAppraiser } from './appraise.ts'
import { createFleetDesk } from './desk.ts'
import { createLiveSessions } from './live-sessions.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { enrollmentPlan, type PlanDeps } from './plan.ts'
import type { FleetDesk, SessionControl, SessionReader } from './ports.ts'
import { createFleetReader } from './reader.ts'
import { refreshFleet } from './refresh.ts'
import type { FleetReader } from './views.ts'

export type FleetDeps = {
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
  /** One round of everything that is due; see refresh.ts. */
  refresh(): Promise<void>
  /** After a start no Mac is connected, whatever the last verdict of the last run says. */
  judgeTrustedAgain(): Promise<void>
}

export function createFleet(deps: FleetDeps): FleetServices {
  const live = createLiveSessions()
  const appraiser = createAppraiser({ ...deps, live })
  const mdm: Pick<Mdm, 'enqueue' | 'invite' | 'end'> = {
    enqueue: (...command) => deps.mdm().enqueue(...command),
    invite: (invitation) => deps.mdm().invite(invitation),
    end: (enrollmentId) => deps.mdm().end(enrollmentId),
  }
  const plan: PlanDeps = { ...deps, mdm, live, appraiser, inTurn: oneAtATime<string>() }
  return {
    desk: createFleetDesk(plan),
    mdmEvents: enrollmentPlan(plan),
    reader: createFleetReader({ ...deps, mdm, appraiser }),
    refresh: () => refreshFleet(plan),
    judgeTrustedAgain: async () => {
      for (const mac of await listTrustedMacs(deps.store)) await appraiser.appraise(mac)
    },
  }
}
