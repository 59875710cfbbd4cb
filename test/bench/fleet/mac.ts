import { randomUUID, X509Certificate } from 'node:crypto'
import { createBackoff } from '../../software-mac/backoff.ts'
import { obtainIdentity } from '../../software-mac/mac/acme.ts'
import { AcmeRefused } from '../../software-mac/mac/acme-session.ts'
import type { Attestor } from '../../software-mac/mac/attestor.ts'
import { authenticateMessage, tokenUpdateMessage } from '../../software-mac/mac/check-in.ts'
import { type Device, manufacture, newBootSession } from '../../software-mac/mac/device.ts'
import type { Enrollment } from '../../software-mac/mac/enrollment.ts'
import { ServerAway, send } from '../../software-mac/mac/http.ts'
import type { Identity } from '../../software-mac/mac/identity-store.ts'
import { ACME_PAYLOAD, MDM_PAYLOAD, ofType } from '../../software-mac/mac/install-profile.ts'
import { TICKET_PAYLOAD } from '../../software-mac/mac/managed-ticket.ts'
import { createMdmClient, type MdmClient, MdmRefused } from '../../software-mac/mac/mdm-client.ts'
import { isDict } from '../../software-mac/mac/plist/read.ts'
import type { PlistDict } from '../../software-mac/mac/plist/write.ts'
import { acmePayload, mdmPayload, type Payload, readProfile } from '../../software-mac/mac/profile.ts'
import { ephemeralKey, sha256 } from '../../software-mac/mac/secure-enclave.ts'
import { type AgentCommons, type AgentNews, createAgent } from './agent.ts'
import { deviceInformation, securityInfo } from './answers.ts'
import type { FleetApple } from './apple.ts'
import { synchronizeDeclarations } from './declarations.ts'
import type { Tally } from './tally.ts'

/** What happens on a Mac, as the tally names it. */
export const WORK = {
  enrollment: 'enrollments',
  acme: 'ACME orders',
  reattestation: 'ACME re-attestations',
  /** Of these the part that the appliance counts as under way: from the profile to Apple’s answer. */
  question: 'questions to Apple',
  conversation: 'MDM conversations',
  command: 'MDM commands',
  push: 'pushes received',
  attestation: 'DeviceInformation attestations',
  hello: 'agent connections',
} as const

export type FleetWorld = {
  url: string
  apple: FleetApple
  commons: AgentCommons
  tally: Tally
  signal: AbortSignal
  /** What an honest Mac's log would say. */
  onTrouble: (serial: string, why: string) => void
}

export type SimulatedMac = {
  readonly serial: string
  /** From the link to TokenUpdate; then its agent runs and its MDM client listens for pushes until the world's signal aborts. */
  enroll(link: string): Promise<void>
  news(): AgentNews | undefined
  reboot(): void
  /** Resolves when its agent has ended. */
  ended(): Promise<void>
}

/** One Mac in a few kilobytes: the protocols are real, files and processes are left out. */
export function createSimulatedMac(serial: string, world: FleetWorld): SimulatedMac {
  const { tally, signal, apple } = world
  let device: Device = manufacture(serial)
  let enrollment: Enrollment | undefined
  let identity: Identity | undefined
  let ticket: { id: string; secret: Uint8Array } | undefined
  let news: AgentNews | undefined
  let agent: Promise<void> = Promise.resolve()
  let conversation: Promise<void> | undefined
  let isWoken = false
  let declarationsToken: string | undefined
  const token = apple.manufacture(device, (magic) => {
    tally.count(WORK.push)
    if (magic === enrollment?.pushMagic) wake()
  })
  const attestor = attestorOf(apple, () => device, tally)
  const client: MdmClient = createMdmClient({
    enrollment: () => enrollment as Enrollment,
    identity: () => identity as Identity,
    reach: (url) => url,
    signal,
  })

  async function obtain(payload: Payload, name: string): Promise<Identity> {
    const end = tally.begin(name)
    const answered = name === WORK.reattestation ? tally.begin(WORK.question) : () => {}
    try {
      const acme = acmePayload(payload)
      const key = ephemeralKey(acme.keySize === 256 ? 'P-256' : 'P-384')
      const enclave = { generate: () => key, open: () => key, find: () => key, remove: () => {} }
      const asking: Attestor = { ...attestor, acmeKey: (...question) => attestor.acmeKey(...question).finally(answered) }
      const about = { payload: acme, keyName: 'identity', enclave, attestor: asking, misbehaviour: {}, signal }
      return { key, certificate: new X509Certificate(await obtainIdentity(about)) }
    } finally {
      answered()
      end()
    }
  }

  async function enroll(link: string): Promise<void> {
    const end = tally.begin(WORK.enrollment)
    try {
      const reply = await patiently(() => send({ url: link, method: 'GET', signal }))
      if (reply.status !== 200) throw new Error(`the enrollment link answered ${reply.status}`)
      const profile = readProfile(reply.body)
      const mdm = mdmPayload(only(ofType(profile, MDM_PAYLOAD)))
      identity = await obtain(only(ofType(profile, ACME_PAYLOAD)), WORK.acme)
      enrollment = { step: 'identity', profileIdentifier: profile.identifier, mdm, pushMagic: randomUUID().toUpperCase() }
      await patiently(() => client.checkIn(authenticateMessage(device, enrollment as Enrollment)))
      await patiently(() => client.checkIn(tokenUpdateMessage(device, enrollment as Enrollment, token)))
    } finally {
      end()
    }
    begin()
  }

  /** MDM waits for its first push, as a Mac does. */
  function begin(): void {
    const url = `${world.url.replace(/^http/, 'ws')}/agent`
    const readTicket = (id: string) => (ticket?.id === id ? Uint8Array.from(ticket.secret) : undefined)
    const report = (next: AgentNews): void => {
      if (next.connected && news?.connected !== true) tally.count(WORK.hello)
      news = next
    }
    agent = createAgent({ commons: world.commons, url, device: () => device, readTicket, report }).run(signal)
  }

  /** One conversation at a time; a push in the middle of one asks for another. */
  function wake(): void {
    isWoken = true
    conversation ??= talk().finally(() => {
      conversation = undefined
      if (isWoken && !signal.aborted) wake()
    })
  }

  async function talk(): Promise<void> {
    isWoken = false
    const end = tally.begin(WORK.conversation)
    try {
      await converse()
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof ServerAway || error instanceof MdmRefused)) throw error
      end()
      world.onTrouble(serial, error.message)
      isWoken = true
      await backoff.wait(signal).catch(() => {})
      return
    } finally {
      end()
    }
    backoff.reset()
  }
  const backoff = createBackoff({ minMs: 500, maxMs: 60_000 })

  async function converse(): Promise<void> {
    let message: PlistDict = { Status: 'Idle', UDID: device.udid }
    for (;;) {
      const next = await client.connect(message)
      if (next === undefined) return
      tally.count(WORK.command)
      message = await answer(next)
    }
  }

  async function answer(message: PlistDict): Promise<PlistDict> {
    const head = { UDID: device.udid, CommandUUID: String(message.CommandUUID) }
    const command = isDict(message.Command) ? message.Command : {}
    try {
      return { ...head, Status: 'Acknowledged', ...(await run(command)) }
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof ServerAway) throw error
      world.onTrouble(serial, `${String(command.RequestType)}: ${error instanceof Error ? error.message : error}`)
      const text = error instanceof AcmeRefused ? error.message : 'not understood'
      const ErrorChain = [{ ErrorCode: 12_021, ErrorDomain: 'MCMDMErrorDomain', LocalizedDescription: text }]
      return { ...head, Status: 'Error', ErrorChain }
    }
  }

  async function run(command: PlistDict): Promise<PlistDict> {
    switch (command.RequestType) {
      case 'DeviceInformation':
        return deviceInformation(command, { device, attestor, signal })
      case 'SecurityInfo':
        return securityInfo(device)
      case 'InstallProfile':
        await install(command.Payload as Uint8Array)
        return {}
      case 'RemoveProfile':
        return {}
      case 'DeclarativeManagement':
        declarationsToken = await synchronizeDeclarations(device, declarationsToken, (one) => client.checkIn(one))
        return {}
      default:
        throw new Error('this Mac does not know the command')
    }
  }

  async function install(bytes: Uint8Array): Promise<void> {
    const profile = readProfile(bytes)
    for (const { dict } of ofType(profile, TICKET_PAYLOAD)) ticket = { id: String(dict.TicketID), secret: dict.Ticket as Uint8Array }
    const isRenewal = ofType(profile, MDM_PAYLOAD).length > 0
    for (const payload of ofType(profile, ACME_PAYLOAD)) {
      const obtained = await obtain(payload, isRenewal ? WORK.acme : WORK.reattestation)
      if (isRenewal) identity = obtained
    }
  }

  /** Repeats what failed only because the appliance was away or busy. */
  async function patiently<T>(step: () => Promise<T>): Promise<T> {
    for (const pause = createBackoff({ minMs: 250, maxMs: 10_000 }); ; ) {
      try {
        return await step()
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof ServerAway)) throw error
        world.onTrouble(serial, error.message)
        await pause.wait(signal)
      }
    }
  }

  return {
    serial,
    enroll,
    news: () => news,
    reboot: () => {
      device = { ...device, bootSession: newBootSession() }
    },
    ended: async () => {
      await agent
      await conversation?.catch(() => undefined)
    },
  }
}

function attestorOf(apple: FleetApple, device: () => Device, tally: Tally): Attestor {
  return {
    async deviceProperties(nonce) {
      tally.count(WORK.attestation)
      return apple.attest(device(), { purpose: 'device-information', spki: ephemeralKey('P-384').spki, freshness: nonce })
    },
    acmeKey: async (token, spki) => apple.attest(device(), { purpose: 'acme', spki, freshness: sha256(Buffer.from(token, 'ascii')) }),
    extensionKey: () => Promise.reject(new Error('these Macs have no Platform SSO extension')),
  }
}

function only(payloads: Payload[]): Payload {
  const [first, second] = payloads
  if (first === undefined || second !== undefined) throw new Error('a profile with one payload of each kind was expected')
  return first
}
