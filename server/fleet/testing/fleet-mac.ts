import { createHash, randomBytes } from 'node:crypto'
import type { Claims } from '#protocol/frames'
import { type MacId, newId, type SessionId } from '#protocol/ids'
import { bindProof } from '#protocol/statements'
import { parsePlistDict } from '../../../mdm/plist/parse-plist.ts'
import { arrayAt, dataAt, type PlistDict, type PlistValue, plistDict, stringAt } from '../../../mdm/plist/value.ts'
import { createTestMac, type ReceivedCommand, type TestMac } from '../../../mdm/testing/test-mac.ts'
import { type AttestationRequest, issueAttestation, spkiOf } from '../../../test/software-mac/apple/authority.ts'
import { encodeCbor } from '../../../test/software-mac/mac/cbor.ts'
import { authority, claims, facts, p256 } from '../../../test/support/trust-evidence.ts'
import { inviteMac } from '../inventory.ts'
import { type FleetHouse, PUBLIC_URL, TOPIC } from './fleet-house.ts'

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
  session: SessionId
  tickets: Ticket[]
  /** Nonces that Apple was asked about. */
  nonces: Uint8Array[]
  attested: Partial<AttestationRequest>
  answers: Answers
  /** Takes and answers commands until the queue is empty; gives their request types. */
  work(): Promise<string[]>
  take(): Promise<ReceivedCommand>
  reply(command: ReceivedCommand): Promise<ReceivedCommand>
  prove(changes?: Partial<Proof> & { secret?: Uint8Array }): Promise<boolean>
  /** The agent answers a challenge. */
  answer(changes?: Partial<Claims>): Promise<void>
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
    session: newId<SessionId>('ses'),
    tickets: [],
    nonces: [],
    answers: {},
    take: () => mdm.idle(),
    reply: async (command) => {
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
  if (requestType === 'InstallProfile') keepTicket(mac, dataAt(command ?? new Map(), 'Payload'))
  if (requestType === 'SecurityInfo') return { SecurityInfo: SECURITY }
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

function keepTicket(mac: FleetMac, profile: Uint8Array | undefined): void {
  const parsed = parsePlistDict(profile ?? new Uint8Array())
  const payload = parsed.ok ? arrayAt(parsed.value, 'PayloadContent')?.[0] : undefined
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
