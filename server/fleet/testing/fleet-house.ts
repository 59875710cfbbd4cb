import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MacId } from '#protocol/ids'
import { createMdm } from '../../../mdm/create-mdm.ts'
import { createDeviceCa, createProfileSigner } from '../../../mdm/issuer.ts'
import type { Issuer, Mdm, MdmEvents, Push, RsaIssuer } from '../../../mdm/ports.ts'
import { deliver } from '../../../mdm/push/wake.ts'
import { testDatabase } from '../../../test/support/postgres.ts'
import { ago, authority, DAY_MS, NOW } from '../../../test/support/trust-evidence.ts'
import { type KeyBindingLevel, Policy } from '../../attestation/policy.ts'
import { createEvaluationAnchors } from '../../attestation/roots.ts'
import { createSecretBox } from '../../secrets.ts'
import { acmeIn } from '../../store/acme.ts'
import { bootstrapTokensIn } from '../../store/bootstrap-tokens.ts'
import type { Store } from '../../store/client.ts'
import { enrollmentsIn } from '../../store/enrollments.ts'
import { mdmCommandsIn } from '../../store/mdm-commands.ts'
import { acmeVerifier } from '../../verify-acme.ts'
import { createFleet, type FleetServices } from '../create-fleet.ts'
import { declarationsIn } from '../declarations-service.ts'
import type { SessionControl, SessionReader, SessionVerdict, SessionView } from '../ports.ts'
import type { ReattestationLimits } from '../reattestations.ts'
import { openRevocations, type Revocations } from '../revocations.ts'

export const PUBLIC_URL = 'https://espalier.example'
export const TOPIC = 'com.apple.mgmt.External.5e1f'

/** What the fleet told the sessions, in order. */
export type Told =
  | { what: 'ticket'; mac: MacId; ticketId: string }
  | { what: 'verdict'; mac: MacId; verdict: SessionVerdict }
  | { what: 'disconnect'; mac: MacId; reason: string }
  | { what: 'key'; mac: MacId; agentKey: Uint8Array }
  | { what: 'restart'; mac: undefined }

/** The real fleet, the real MDM library and a real database; the sessions are a list, the clock stands until it is moved. */
export type FleetHouse = {
  store: Store
  /** Another after `restart`. */
  readonly fleet: FleetServices
  readonly revocations: Revocations
  /** The appliance stops and starts again over the same database and data directory: all that was in memory is gone. */
  restart(): Promise<void>
  mdm: Mdm
  clock: { now(): Date; advance(ms: number): void }
  told: Told[]
  /** Sessions that the gateway would show. */
  shown: SessionView[]
  /** Wakes sent to Macs. */
  pushes: string[]
  dataDir: string
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
  options: {
    sessions?: (told: SessionControl & SessionReader) => SessionControl & SessionReader
    policy?: () => Policy
    reattestation?: ReattestationLimits
    keyBindingAmbition?: KeyBindingLevel
    /** SCEP is offered. */
    scep?: RsaIssuer
  } = {},
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
  const logKey = generateKeyPairSync('ed25519').privateKey
  const dataDir = await mkdtemp(join(tmpdir(), 'espalier-fleet-'))
  const openList = (): Promise<Revocations> =>
    openRevocations({ store, clock, key: logKey, file: join(dataDir, 'revocations.json'), log: { warn: () => undefined } })
  const openFleet = (revocations: Revocations): FleetServices =>
    createFleet({
      ...{ store, secrets, clock, anchors, random: randomBytes, revocations },
      policy: options.policy ?? (() => policy),
      sessions: options.sessions?.(noting) ?? noting,
      mdm: () => mdm,
      reattestation: options.reattestation ?? { concurrency: 4, jitterMs: 0 },
      keyBindingAmbition: options.keyBindingAmbition ?? 'ticket',
    })
  let revocations = await openList()
  let fleet = openFleet(revocations)
  // The MDM library outlives a restart of the fleet in these tests; its events go to the fleet of the moment.
  const current: MdmEvents = new Proxy({} as MdmEvents, {
    get: (_, name) => fleet.mdmEvents[name as keyof MdmEvents],
  })
  issuers ??= makeIssuers()
  const push: Push = {
    send: async ({ pushMagic }) => {
      pushes.push(pushMagic)
      return { status: 'delivered', apnsId: undefined }
    },
  }
  const enrollments = enrollmentsIn(store)
  const mdm = createMdm({
    ...{ publicUrl: PUBLIC_URL, organization: 'Example AG', topic: () => TOPIC, clock, random: randomBytes },
    ...(await issuers),
    scep: options.scep,
    push,
    // No queue between the wish and the push: it is tested where it lives.
    wakes: { want: async (id) => void (await deliver({ enrollments, push, clock }, id)), heard: async () => {} },
    enrollments,
    commands: mdmCommandsIn(store, secrets),
    bootstrapTokens: bootstrapTokensIn(store, secrets),
    declarations: declarationsIn({ store, wanted: () => ({ agentTask: undefined }) }),
    acme: acmeIn(store),
    verifyAttestation: acmeVerifier({ store, clock, anchors, allowEvaluation: true }),
    events: current,
    log: console as never,
  })
  return {
    ...{ store, mdm, clock, told, shown, pushes, dataDir },
    get fleet() {
      return fleet
    },
    get revocations() {
      return revocations
    },
    async restart() {
      await fleet.saveProofsOfLife()
      told.push({ what: 'restart', mac: undefined })
      revocations = await openList()
      fleet = openFleet(revocations)
      await fleet.judgeTrustedAgain(AbortSignal.timeout(60_000), 0)
    },
    close: async () => {
      await rm(dataDir, { recursive: true, force: true })
      await drop()
    },
  }
}

function noteSessions(told: Told[], shown: SessionView[]): SessionControl & SessionReader {
  return {
    ticketDelivered: (mac, ticketId) => void told.push({ what: 'ticket', mac, ticketId }),
    verdictChanged: (mac, verdict) => void told.push({ what: 'verdict', mac, verdict }),
    disconnect: (mac, reason) => void told.push({ what: 'disconnect', mac, reason }),
    keyProved: (mac, agentKey) => void told.push({ what: 'key', mac, agentKey }),
    find: (mac) => shown.find((session) => session.mac === mac),
    list: () => shown,
  }
}

export const sha256 = (bytes: Uint8Array | string): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())
