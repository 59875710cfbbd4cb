import { createHash, randomBytes } from 'node:crypto'
import type { Claims } from '#protocol/frames'
import { type MacId, newId, type SessionId } from '#protocol/ids'
import { bindProof, type Signer } from '#protocol/statements'
import { parsePlistDict } from '../../../mdm/plist/parse-plist.ts'
import { arrayAt, dataAt, type PlistDict, type PlistValue, plistDict, stringAt } from '../../../mdm/plist/value.ts'
import { createTestMac, type ReceivedCommand, readSignedProfile, type TestMac } from '../../../mdm/testing/test-mac.ts'
import { type AttestationRequest, issueAttestation, spkiOf } from '../../../test/software-mac/apple/authority.ts'
import { encodeCbor } from '../../../test/software-mac/mac/cbor.ts'
import { authority, claims, facts, p256 } from '../../../test/support/trust-evidence.ts'
import { inviteMac } from '../inventory.ts'
import { type FleetHouse, PUBLIC_URL, TOPIC } from './fleet-house.ts'

const BEAT_MS = 20_000

type Ticket = { id: string; secret: Uint8Array }
/** What this Mac says in place of the truth: fields of a reply, or a whole reply. */
type Answers = { [requestType: string]: (command: PlistDict) => Record<string, PlistValue | undefined> }

/** A Mac that speaks real MDM to the house and carries an agent's key; its agent's socket is a session id. */
export type FleetMac = {
  id: MacId
  serial: string
  udid: string
  enrollmentId: string
  mdm: TestMac
  agentKey: Uint8Array
  /** What the agent signs with, where the test needs it. */
  signer: Signer | undefined
  /** The System keychain, as CertificateList reports it. */
  keychain: Uint8Array[]
  session: SessionId
  tickets: Ticket[]
  /** Nonces that Apple was asked about. */
  nonces: Uint8Array[]
  attested: Partial<AttestationRequest>
  answers: Answers
  /** False: it installs the profile of a re-attestation and never gets to Apple. */
  reattests: boolean
  /** What ACME refused it. */
  acmeFaults: unknown[]
  /** Takes and answers commands until the queue is empty; gives their request types. */
  work(): Promise<string[]>
  take(): Promise<ReceivedCommand>
  reply(command: ReceivedCommand): Promise<ReceivedCommand>
  prove(changes?: Partial<Proof> & { secret?: Uint8Array }): Promise<boolean>
  /** The agent answers a challenge. */
  answer(changes?: Partial<Claims>): Promise<void>
  /** Signed heartbeats, twenty seconds apart, as the clock goes on. */
  liveOn(ms: number): void
  /** The agent's socket opens and its bound key answers. */
  connect(changes?: Partial<Claims>): Promise<void>
  disconnect(): Promise<void>
  /** As far as a trusted Mac. */
  becomeTrusted(): Promise<void>
}

type Proof = { mac: MacId; ticketId: string; session: SessionId; nonce: Uint8Array; agentKey: Uint8Array }

const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'))

/** Invited, enrolled and not yet asked anything. */
export async function enrollMac(
  house: FleetHouse,
  serial: string,
  options: { attested?: Partial<AttestationRequest> } = {},
): Promise<FleetMac> {
  const { mac: id, url } = await inviteMac({ ...house, store: house.store }, { serial, actor: 'system' })
  const udid = `00006030-${createHash('sha256').update(serial).digest('hex').slice(0, 16).toUpperCase()}`
  const attested = options.attested ?? {}
  const issue = (request: Partial<AttestationRequest>): Uint8Array[] =>
    issueAttestation(authority, facts({ serial, udid, now: house.clock.now(), ...request }))
  const attest = (spki: Uint8Array, token: string): Uint8Array => {
    const x5c = issue({ leafPublicKeySpki: spki, freshness: createHash('sha256').update(ascii(token)).digest(), ...attested })
    return encodeCbor({ fmt: 'apple', attStmt: { x5c } })
  }
  const mdm = createTestMac({ mdm: house.mdm, publicUrl: PUBLIC_URL, topic: TOPIC, attest }, serial)
  const profile = await mdm.fetchProfile(url.slice(`${PUBLIC_URL}/enroll/`.length))
  if (!('plist' in profile)) throw new Error(`profile: ${profile.status}`)
  await mdm.obtainIdentity(profile)
  const row = await house.store.enrollment.findFirstOrThrow({ where: { macId: id, state: 'acme_attested' } })
  await mdm.authenticate()
  await mdm.tokenUpdate()
  const mac: FleetMac = {
    ...{ id, serial, udid, mdm, attested, enrollmentId: row.id },
    agentKey: spkiOf(p256()),
    signer: undefined,
    keychain: [],
    session: newId<SessionId>('ses'),
    tickets: [],
    nonces: [],
    answers: {},
    reattests: true,
    acmeFaults: [],
    take: () => mdm.idle(),
    reply: async (command) => {
      if (command.requestType === 'InstallProfile') await install(mac, dataAt(command.command ?? new Map(), 'Payload'))
      const truth = answerTo(command, mac, issue)
      const changed = mac.answers[command.requestType ?? '']?.(command.command ?? new Map())
      return mdm.connect({ Status: 'Acknowledged', CommandUUID: command.uuid, ...truth, ...changed })
    },
    work: async () => {
      const done: string[] = []
      for (let command = await mac.take(); command.uuid !== undefined; command = await mac.reply(command))
        done.push(command.requestType ?? '')
      return done
    },
    prove: ({ secret, ...changes } = {}) => {
      const ticket = mac.tickets.at(-1)
      if (ticket === undefined) throw new Error('no ticket has come')
      const proof: Proof = { mac: id, ticketId: ticket.id, session: mac.session, nonce: randomBytes(32), agentKey: mac.agentKey }
      const hmac = bindProof({ ...proof, ticket: secret ?? ticket.secret })
      return house.fleet.desk.proveTicket({ ...proof, ...changes, hmac })
    },
    answer: (changes = {}) =>
      house.fleet.desk.challengeAnswered({
        ...{ mac: id, session: mac.session, agentKey: mac.agentKey, at: house.clock.now() },
        claims: { ...claims, ...changes },
      }),
    liveOn: (ms) => {
      for (let passed = 0; passed < ms; passed += BEAT_MS) {
        house.clock.advance(Math.min(BEAT_MS, ms - passed))
        house.fleet.desk.alive({ mac: id, session: mac.session, at: house.clock.now() })
      }
    },
    connect: async (changes) => {
      mac.session = newId<SessionId>('ses')
      await house.fleet.desk.sessionOpened({ mac: id, session: mac.session })
      await mac.answer(changes)
    },
    disconnect: () => house.fleet.desk.sessionClosed({ mac: id, session: mac.session, reason: 'gone' }),
    becomeTrusted: async () => {
      await mac.work()
      if (!(await mac.prove())) throw new Error('the ticket was not believed')
      await house.fleet.desk.sessionOpened({ mac: id, session: mac.session })
      await mac.answer()
      await mac.work()
    },
  }
  return mac
}

function answerTo(
  { requestType, command }: ReceivedCommand,
  mac: FleetMac,
  issue: (request: Partial<AttestationRequest>) => Uint8Array[],
): Record<string, PlistValue> {
  if (requestType === 'SecurityInfo') return { SecurityInfo: SECURITY }
  if (requestType === 'CertificateList') {
    return { CertificateList: mac.keychain.map((Data) => plistDict({ CommonName: 'agent', Data, IsIdentity: false })) }
  }
  if (requestType !== 'DeviceInformation') return {}
  const nonce = dataAt(command ?? new Map(), 'DeviceAttestationNonce')
  if (nonce !== undefined) mac.nonces.push(nonce)
  return {
    QueryResponses: plistDict({
      SerialNumber: mac.serial,
      ProvisioningUDID: mac.udid,
      DeviceName: `Mac ${mac.serial}`,
      OSVersion: '15.5',
      Model: 'Mac16,1',
      DevicePropertiesAttestation: nonce && issue({ freshness: nonce, ...mac.attested }),
    }),
  }
}

/** A plain profile carries a ticket, a signed one an ACME payload: the Mac makes a further key and asks Apple about it. */
async function install(mac: FleetMac, profile: Uint8Array = new Uint8Array()): Promise<void> {
  const parsed = parsePlistDict(profile)
  if (!parsed.ok) {
    if (mac.reattests) await mac.mdm.obtain(readSignedProfile(profile)).catch((error: unknown) => void mac.acmeFaults.push(error))
    return
  }
  const payload = arrayAt(parsed.value, 'PayloadContent')?.[0]
  if (!(payload instanceof Map)) throw new Error('a profile without a payload')
  mac.tickets.push({ id: stringAt(payload, 'TicketID') ?? '', secret: dataAt(payload, 'Ticket') ?? new Uint8Array() })
}

const SECURITY = plistDict({
  SystemIntegrityProtectionEnabled: true,
  FDE_Enabled: true,
  AuthenticatedRootVolumeEnabled: true,
  RemoteDesktopEnabled: false,
  SecureBoot: plistDict({ SecureBootLevel: 'full', ExternalBootLevel: 'disallowed' }),
  ManagementStatus: plistDict({ EnrolledViaDEP: false, UserApprovedEnrollment: true, IsUserEnrollment: false }),
})
