import { createHash, randomBytes } from 'node:crypto'
import type { MacId } from '#protocol/ids'
import { createMdm } from '../../../mdm/create-mdm.ts'
import { createDeviceCa, createProfileSigner } from '../../../mdm/issuer.ts'
import type { Issuer, Mdm } from '../../../mdm/ports.ts'
import { testDatabase } from '../../../test/support/postgres.ts'
import { ago, authority, DAY_MS, NOW } from '../../../test/support/trust-evidence.ts'
import { Policy } from '../../attestation/policy.ts'
import { createEvaluationAnchors } from '../../attestation/roots.ts'
import { createSecretBox } from '../../secrets.ts'
import { acmeIn } from '../../store/acme.ts'
import type { Store } from '../../store/client.ts'
import { enrollmentsIn } from '../../store/enrollments.ts'
import { mdmCommandsIn } from '../../store/mdm-commands.ts'
import { acmeVerifier } from '../../verify-acme.ts'
import { createFleet, type FleetServices } from '../create-fleet.ts'
import type { SessionControl, SessionReader, SessionVerdict, SessionView } from '../ports.ts'

export const PUBLIC_URL = 'https://espalier.example'
export const TOPIC = 'com.apple.mgmt.External.5e1f'

/** What the fleet told the sessions, in order. */
export type Told =
  | { what: 'ticket'; mac: MacId; ticketId: string }
  | { what: 'verdict'; mac: MacId; verdict: SessionVerdict }
  | { what: 'disconnect'; mac: MacId; reason: string }

/** The real fleet, the real MDM library and a real database; the sessions are a list, the clock stands until it is moved. */
export type FleetHouse = {
  store: Store
  fleet: FleetServices
  mdm: Mdm
  clock: { now(): Date; advance(ms: number): void }
  told: Told[]
  /** Sessions that the gateway would show. */
  shown: SessionView[]
  /** Wakes sent to Macs. */
  pushes: string[]
  close(): Promise<void>
}

export const policy: Policy = Policy.parse({ version: 1, allowEvaluation: true, releases: [{ agentVersion: '0.1.0' }] })
export const anchors = createEvaluationAnchors(authority.rootDer)
export const secrets = createSecretBox('a secret of thirty-two characters')

let issuers: Promise<{ ca: Issuer; profileSigner: Issuer }> | undefined
async function makeIssuers() {
  const options = { organization: 'Example AG', now: ago(DAY_MS) }
  return { ca: await createDeviceCa(options), profileSigner: await createProfileSigner(options) }
}

export async function startFleetHouse(
  options: { sessions?: (told: SessionControl & SessionReader) => SessionControl & SessionReader; policy?: () => Policy } = {},
): Promise<FleetHouse> {
  const { store, drop } = await testDatabase()
  let now = NOW
  const clock = {
    now: () => now,
    advance: (ms: number): void => {
      now = new Date(now.getTime() + ms)
    },
  }
  const told: Told[] = []
  const shown: SessionView[] = []
  const pushes: string[] = []
  const noting = noteSessions(told, shown)
  const fleet = createFleet({
    ...{ store, secrets, clock, anchors, random: randomBytes },
    policy: options.policy ?? (() => policy),
    sessions: options.sessions?.(noting) ?? noting,
    mdm: () => mdm,
  })
  issuers ??= makeIssuers()
  const mdm = createMdm({
    ...{ publicUrl: PUBLIC_URL, organization: 'Example AG', topic: () => TOPIC, clock, random: randomBytes },
    ...(await issuers),
    push: {
      send: async ({ pushMagic }) => {
        pushes.push(pushMagic)
        return { status: 'delivered', apnsId: undefined }
      },
    },
    enrollments: enrollmentsIn(store),
    commands: mdmCommandsIn(store, secrets),
    acme: acmeIn(store),
    verifyAttestation: acmeVerifier({ store, clock, anchors, allowEvaluation: true }),
    events: fleet.mdmEvents,
  })
  return { store, fleet, mdm, clock, told, shown, pushes, close: drop }
}

function noteSessions(told: Told[], shown: SessionView[]): SessionControl & SessionReader {
  return {
    ticketDelivered: (mac, ticketId) => void told.push({ what: 'ticket', mac, ticketId }),
    verdictChanged: (mac, verdict) => void told.push({ what: 'verdict', mac, verdict }),
    disconnect: (mac, reason) => void told.push({ what: 'disconnect', mac, reason }),
    find: (mac) => shown.find((session) => session.mac === mac),
    list: () => shown,
  }
}

export const sha256 = (bytes: Uint8Array | string): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())
