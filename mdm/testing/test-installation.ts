import { webcrypto } from 'node:crypto'
import { createMdm } from '../create-mdm.ts'
import { createDeviceCa, createProfileSigner } from '../issuer.ts'
import type { Acme, BootstrapTokens, Commands, Declarations, Enrollments, Issuer, Mdm, MdmDeps, MdmEvents, PushResult } from '../ports.ts'
import { deliver } from '../push/wake.ts'
import { createTestMac, type TestMac } from './test-mac.ts'

export const PUBLIC_URL = 'https://espalier.example'
export const TOPIC = 'com.apple.mgmt.External.5e1f'
const START = new Date('2026-11-02T09:00:00Z')

export type Ports = {
  enrollments: Enrollments
  commands: Commands
  bootstrapTokens: BootstrapTokens
  declarations: Declarations
  acme: Acme
}
type EventName = keyof MdmEvents
export type Told = { [Name in EventName]: { name: Name; event: Parameters<MdmEvents[Name]>[0] } }[EventName]

export type TestInstallation = {
  mdm: Mdm
  deps: MdmDeps
  /** Every event, in order. */
  told: Told[]
  eventsNamed<Name extends EventName>(name: Name): Parameters<MdmEvents[Name]>[0][]
  pushes: { pushMagic: string }[]
  /** What Apple says to the next pushes. */
  apns: { answer: PushResult }
  /** Runs inside the listener of that event, after it was noted. */
  on: { [Name in EventName]?: MdmEvents[Name] }
  advance(ms: number): void
  mac(serial: string, udid?: string): TestMac
  /** Invites, enrolls and empties nothing: the Mac is `enrolled` afterwards. */
  enroll(mac: TestMac, macId?: string): Promise<string>
}

let issuers: Promise<{ ca: Issuer; profileSigner: Issuer }> | undefined

async function makeIssuers() {
  const options = { organization: 'Example AG', now: START }
  return { ca: await createDeviceCa(options), profileSigner: await createProfileSigner(options) }
}

/** An MDM over any ports, whose judge believes every attestation that is a public key, unless a test says otherwise. */
export async function createTestInstallation(
  ports: Ports,
  options: { ensureMac?: (mac: { macId: string; serial: string }) => Promise<void>; verifyAttestation?: MdmDeps['verifyAttestation'] } = {},
): Promise<TestInstallation> {
  issuers ??= makeIssuers()
  let now = START
  const told: Told[] = []
  const on: TestInstallation['on'] = {}
  const pushes: { pushMagic: string }[] = []
  const apns: TestInstallation['apns'] = { answer: { status: 'delivered', apnsId: undefined } }
  const deps: MdmDeps = {
    publicUrl: PUBLIC_URL,
    organization: 'Example AG',
    clock: { now: () => now },
    random: (length) => webcrypto.getRandomValues(new Uint8Array(length)),
    ...(await issuers),
    topic: () => TOPIC,
    push: {
      send: async ({ pushMagic }): Promise<PushResult> => {
        pushes.push({ pushMagic })
        return apns.answer
      },
    },
    // No queue between the wish and the push; the appliance's own is tested where it lives.
    wakes: { want: async (enrollmentId) => void (await deliver(deps, enrollmentId)), heard: async () => {} },
    ...ports,
    verifyAttestation:
      options.verifyAttestation ?? (async ({ attObj }) => ({ ok: true, spki: attObj, evidenceDigest: new Uint8Array(32) })),
    events: noting(told, on),
  }
  const mdm = createMdm(deps)
  const installation: TestInstallation = {
    ...{ mdm, deps, told, on, pushes, apns },
    eventsNamed: (name) => told.flatMap((one) => (one.name === name ? [one.event as never] : [])),
    advance: (ms) => {
      now = new Date(now.getTime() + ms)
    },
    mac: (serial, udid) => createTestMac({ mdm, publicUrl: PUBLIC_URL, topic: TOPIC }, serial, udid),
    enroll: async (mac, macId = `mac-${mac.serial}`) => {
      await options.ensureMac?.({ macId, serial: mac.serial })
      const { enrollmentId, code } = await mdm.invite({ macId, serial: mac.serial })
      const profile = await mac.fetchProfile(code)
      if (!('plist' in profile)) throw new Error(`profile: ${profile.status}`)
      await mac.obtainIdentity(profile)
      await mac.authenticate()
      await mac.tokenUpdate()
      return enrollmentId
    },
  }
  return installation
}

function noting(told: Told[], on: TestInstallation['on']): MdmEvents {
  const note = <Name extends EventName>(name: Name) =>
    (async (event: Parameters<MdmEvents[Name]>[0]) => {
      told.push({ name, event } as unknown as Told)
      await (on[name] as ((event: Parameters<MdmEvents[Name]>[0]) => Promise<void>) | undefined)?.(event)
    }) as MdmEvents[Name]
  return {
    onProfileIssued: note('onProfileIssued'),
    onAcmeAttested: note('onAcmeAttested'),
    onAcmeRefused: note('onAcmeRefused'),
    onIdentityPromoted: note('onIdentityPromoted'),
    onAuthenticate: note('onAuthenticate'),
    onEnrolled: note('onEnrolled'),
    onCheckOut: note('onCheckOut'),
    onDeclarativeStatus: note('onDeclarativeStatus'),
    onReply: note('onReply'),
  }
}
