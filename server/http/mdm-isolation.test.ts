import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deviceInformation } from '../../mdm/commands/device-information.ts'
import { removeProfile } from '../../mdm/commands/remove-profile.ts'
import { securityInfo } from '../../mdm/commands/security-info.ts'
import { statusSubscriptions } from '../../mdm/ddm/status-subscriptions.ts'
import { declarationsToken } from '../../mdm/ddm/tokens.ts'
import { createDeviceCa } from '../../mdm/issuer.ts'
import { type PlistValue, plistDict } from '../../mdm/plist/value.ts'
import { writePlistBytes } from '../../mdm/plist/write-plist.ts'
import type { DeclarationSet, Mdm, RawReply, RawRequest } from '../../mdm/ports.ts'
import { createMemoryPorts } from '../../mdm/testing/memory-ports.ts'
import { signDetached } from '../../mdm/testing/sign-detached.ts'
import { createTestInstallation, PUBLIC_URL, type TestInstallation, TOPIC } from '../../mdm/testing/test-installation.ts'
import { createTestMac, type TestMac } from '../../mdm/testing/test-mac.ts'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { createSecretBox } from '../secrets.ts'
import { acmeIn } from '../store/acme.ts'
import { bootstrapTokensIn } from '../store/bootstrap-tokens.ts'
import { enrollmentsIn } from '../store/enrollments.ts'
import { mdmCommandsIn } from '../store/mdm-commands.ts'
import { mdmRoutes } from './mdm.ts'

// The Macs of these tests speak to the real routes on a real socket, over a real database.
type Signer = NonNullable<ReturnType<TestMac['identity']>>
type Member = { mac: TestMac; enrollmentId: string }

const secrets = createSecretBox('a secret of thirty-two characters')
const declarations = [statusSubscriptions('dev.espalier.secret-of-b', ['device.identifier.udid'])]
const SET: DeclarationSet = { declarations, token: declarationsToken(declarations), changedAt: new Date('2026-11-02T09:00:00Z') }
const TOKEN_OF_B = new TextEncoder().encode('bootstrap token of B')
const LIVE = { ttlMs: 3600_000 }

let database: TestDatabase
let app: FastifyInstance
let url: string
let here: TestInstallation
let a: Member
let b: Member

beforeAll(async () => {
  database = await testDatabase()
  const { store } = database
  const ports = {
    enrollments: enrollmentsIn(store),
    commands: mdmCommandsIn(store, secrets),
    bootstrapTokens: bootstrapTokensIn(store, secrets),
    declarations: { find: async (id: string) => (id === b?.enrollmentId ? SET : undefined), fetched: async () => undefined },
    acme: acmeIn(store),
  }
  here = await createTestInstallation(ports, { ensureMac })
  app = fastify()
  await app.register(mdmRoutes(here.mdm))
  url = await app.listen({ port: 0, host: '127.0.0.1' })
  a = await enroll('C02AAA')
  b = await enroll('C02BBB')
  await b.mac.checkin({ MessageType: 'SetBootstrapToken', BootstrapToken: TOKEN_OF_B })
})
afterAll(async () => {
  await app.close()
  await database.drop()
})

async function ensureMac({ macId, serial }: { macId: string; serial: string }): Promise<void> {
  await database.store.mac.createMany({ data: [{ id: macId, serial, addedAt: new Date() }], skipDuplicates: true })
}

async function overHttp(request: RawRequest): Promise<RawReply> {
  const headers: Record<string, string> = { 'content-type': 'application/x-apple-aspen-mdm' }
  for (const [name, value] of Object.entries(request.headers)) if (value !== undefined) headers[name] = value
  const body = request.method === 'GET' || request.method === 'HEAD' ? {} : { body: new Uint8Array(request.body) }
  const reply = await fetch(url + request.path, { method: request.method, headers, ...body })
  return { status: reply.status, headers: Object.fromEntries(reply.headers), body: new Uint8Array(await reply.arrayBuffer()) }
}

const handlers = { handleEnroll: overHttp, handleAcme: overHttp, handleCheckin: overHttp, handleConnect: overHttp }
const newMac = (serial: string): TestMac =>
  createTestMac({ mdm: { ...here.mdm, ...handlers } as Mdm, publicUrl: PUBLIC_URL, topic: TOPIC }, serial)

async function enroll(serial: string): Promise<Member> {
  const mac = newMac(serial)
  return { mac, enrollmentId: await here.enroll(mac) }
}

const stateOf = async (command: string) => (await database.store.mdmCommand.findUniqueOrThrow({ where: { id: command } })).state
const repliesOf = (member: Member) => here.eventsNamed('onReply').filter(({ enrollmentId }) => enrollmentId === member.enrollmentId)

async function drain({ mac }: Member): Promise<void> {
  for (let next = await mac.idle(); next.uuid !== undefined; ) next = await mac.connect({ Status: 'Acknowledged', CommandUUID: next.uuid })
}

test('device A can never see device B’s commands, nor anything else that is B’s', async () => {
  const nonce = new TextEncoder().encode('only for B')
  const command = await here.mdm.enqueue(b.enrollmentId, deviceInformation({ attestationNonce: nonce }), LIVE)
  const seen: RawReply[] = []
  const tell = async (path: string, message: Record<string, PlistValue | undefined>) => {
    for (const UDID of [a.mac.udid, b.mac.udid]) seen.push(await send(path, { UDID, ...message }, signer(a)))
  }
  for (const Status of STATUSES) await tell('/mdm/connect', { Status, CommandUUID: command })
  for (const message of MESSAGES) {
    // Authenticate and CheckOut of A about itself would end what this test looks at; about B they stand in the table below.
    if (message.MessageType !== 'CheckOut' && message.MessageType !== 'Authenticate') await tell('/mdm/checkin', message)
  }
  const leaks = seen.map(({ body }) => Buffer.from(body).toString()).filter((text) => isOfB(text, command))
  expect([seen.length, leaks]).toEqual([2 * (STATUSES.length + MESSAGES.length - 2), []])
  expect(await b.mac.idle()).toMatchObject({ uuid: command })
  await drain(b)
})

const isOfB = (text: string, command: string): boolean =>
  [
    command,
    b.enrollmentId,
    Buffer.from('only for B').toString('base64'),
    Buffer.from(TOKEN_OF_B).toString('base64'),
    'secret-of-b',
    SET.token,
  ].some((secret) => text.includes(secret))

test('device A can never answer device B’s commands', async () => {
  const command = await here.mdm.enqueue(b.enrollmentId, securityInfo(), LIVE)
  const before = repliesOf(b).length
  const answers = async () => {
    for (const Status of ['Acknowledged', 'Error', 'CommandFormatError', 'NotNow']) {
      const SecurityInfo = plistDict({ FDE_Enabled: true })
      expect(await a.mac.connect({ Status, CommandUUID: command, SecurityInfo })).toMatchObject({ status: 200, uuid: undefined })
      expect(await a.mac.connect({ Status, CommandUUID: command, SecurityInfo, UDID: b.mac.udid })).toMatchObject({ status: 401 })
    }
  }
  await answers()
  expect(await stateOf(command)).toBe('queued')
  await b.mac.idle()
  await answers()
  expect(await stateOf(command)).toBe('sent')
  expect([repliesOf(b).length, repliesOf(a).length]).toEqual([before, 0])
  await b.mac.connect({ Status: 'Acknowledged', CommandUUID: command })
  expect([await stateOf(command), repliesOf(b).length]).toEqual(['acknowledged', before + 1])
})

test('device A can never delay device B’s commands', async () => {
  // A's queue is full, A puts everything off, and a reply of A is being worked on for as long as this test runs.
  const mine: string[] = []
  for (let i = 0; i < 64; i++) mine.push(await here.mdm.enqueue(a.enrollmentId, removeProfile(`p${i}`), LIVE))
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>()
  here.on.onReply = ({ enrollmentId }) => (enrollmentId === a.enrollmentId ? finished : Promise.resolve())
  const first = await a.mac.idle()
  const slow = a.mac.connect({ Status: 'Acknowledged', CommandUUID: first.uuid })
  const commands: string[] = []
  for (const command of [securityInfo(), removeProfile('x'), deviceInformation()]) {
    commands.push(await here.mdm.enqueue(b.enrollmentId, command, LIVE))
  }
  for (const CommandUUID of commands) await a.mac.connect({ Status: 'NotNow', CommandUUID })
  for (const MessageType of ['Authenticate', 'CheckOut']) {
    await send('/mdm/checkin', { MessageType, Topic: TOPIC, SerialNumber: b.mac.serial, UDID: b.mac.udid }, signer(a))
    await send('/mdm/checkin', { MessageType: 'Authenticate', Topic: TOPIC, SerialNumber: b.mac.serial, UDID: a.mac.udid }, signer(a))
  }
  const taken: (string | undefined)[] = []
  for (let next = await b.mac.idle(); next.uuid !== undefined; ) {
    taken.push(next.uuid)
    next = await b.mac.connect({ Status: 'Acknowledged', CommandUUID: next.uuid })
  }
  expect(taken).toEqual(commands)
  finish()
  await slow
  delete here.on.onReply
  for (const command of mine) await here.mdm.cancel(a.enrollmentId, { commandUuid: command })
})

const STATUSES = ['Idle', 'NotNow', 'Acknowledged', 'Error', 'CommandFormatError']

const STATUS_REPORT = new TextEncoder().encode('{"StatusItems":{"device":{"identifier":{"udid":"forged"}}},"Errors":[]}')
const ENDPOINTS = ['tokens', 'declaration-items', 'declaration/configuration/dev.espalier.secret-of-b', 'status']
type Message = Record<string, PlistValue>

const MESSAGES: Message[] = [
  { MessageType: 'Authenticate', Topic: TOPIC, SerialNumber: 'C02BBB' },
  { MessageType: 'TokenUpdate', Topic: TOPIC, Token: Uint8Array.of(6, 6, 6), PushMagic: 'forged' },
  { MessageType: 'CheckOut', Topic: TOPIC },
  { MessageType: 'UserAuthenticate', UserID: 'U-1' },
  { MessageType: 'SetBootstrapToken', BootstrapToken: Uint8Array.of(6, 6, 6) },
  { MessageType: 'GetBootstrapToken' },
  { MessageType: 'GetToken', TokenServiceType: 'com.apple.maid' },
  { MessageType: 'ReturnToService' },
  ...ENDPOINTS.map((Endpoint) => ({ MessageType: 'DeclarativeManagement', Endpoint, Data: STATUS_REPORT })),
]

const signer = (member: Member): Signer => {
  const identity = member.mac.identity()
  if (identity === undefined) throw new Error('no identity')
  return identity
}

async function send(
  path: string,
  message: Record<string, PlistValue | undefined>,
  by: Signer | undefined,
  signed?: Uint8Array,
): Promise<RawReply> {
  const body = writePlistBytes(plistDict(message))
  const signature = by && Buffer.from(await signDetached(signed ?? body, by)).toString('base64')
  return overHttp({ method: 'PUT', path, headers: { 'mdm-signature': signature }, body })
}

describe('no MDM endpoint answers a request that is not authenticated for that device', () => {
  let command: string
  let strangers: Record<string, Signer>
  let before: unknown
  const standing = async () => ({
    enrollment: await database.store.enrollment.findUniqueOrThrow({ where: { id: b.enrollmentId } }),
    command: await database.store.mdmCommand.findUniqueOrThrow({ where: { id: command } }),
    token: await here.deps.bootstrapTokens.find(b.enrollmentId),
    told: here.told.length,
  })

  beforeAll(async () => {
    await drain(b)
    strangers = await makeStrangers()
    command = await here.mdm.enqueue(b.enrollmentId, securityInfo(), LIVE)
    await b.mac.idle()
    before = await standing()
  })

  const endpoints: [string, string, Message][] = [
    ...MESSAGES.map((message): [string, string, Message] => [
      `check-in ${message.MessageType} ${message.Endpoint ?? ''}`.trim(),
      '/mdm/checkin',
      message,
    ]),
    ...STATUSES.map((Status): [string, string, Message] => [`connect ${Status}`, '/mdm/connect', { Status }]),
  ]

  test('is a table over every message that a Mac can send', () => expect(endpoints).toHaveLength(17))

  test.each(endpoints)('%s', async (name, path, members) => {
    const message = { ...members, UDID: b.mac.udid, ...(path === '/mdm/connect' ? { CommandUUID: command } : {}) }
    const body = writePlistBytes(plistDict(message))
    const replies: Record<string, RawReply> = {
      'without a signature': await send(path, message, undefined),
      'signed over other bytes': await send(path, message, signer(b), Uint8Array.of(...body, 10)),
      'by another enrolled Mac': await send(path, message, signer(a)),
    }
    for (const [who, stranger] of Object.entries(strangers)) replies[who] = await send(path, message, stranger)
    for (const [who, { status, body: answer }] of Object.entries(replies)) {
      const isItsOwnAuthenticate = who === 'by a Mac that has not authenticated' && name === 'check-in Authenticate'
      expect([who, status]).toEqual([who, who === 'by an enrollment that has ended' ? 410 : 401])
      // Its own Authenticate it may send: here it names another Mac's serial number.
      const text = Buffer.from(answer).toString()
      expect([who, isOfB(text, command)]).toEqual([who, false])
      expect(JSON.parse(text), who).toEqual({ error: { code: isItsOwnAuthenticate ? 'SERIAL_MISMATCH' : expect.any(String) } })
    }
    expect(await standing()).toEqual(before)
  })

  test('and the device itself is answered afterwards as if nothing had been', async () => {
    expect(await b.mac.connect({ Status: 'Acknowledged', CommandUUID: command })).toMatchObject({ status: 200 })
    expect(await stateOf(command)).toBe('acknowledged')
  })

  async function makeStrangers(): Promise<Record<string, Signer>> {
    const ended = await enroll('C02CCC')
    await here.mdm.end(ended.enrollmentId)
    const revoked = await enroll('C02DDD')
    await here.mdm.revokeIdentities({ enrollmentId: revoked.enrollmentId }, 'test')
    const elsewhere = await createTestInstallation(createMemoryPorts())
    const unbound = elsewhere.mac('C02BBB')
    await elsewhere.enroll(unbound)
    return {
      'by a certificate of another CA': await createDeviceCa({ organization: 'Example AG', now: here.deps.clock.now() }),
      'by a certificate that was issued to nobody here': signer({ mac: unbound, enrollmentId: '' }),
      'by an enrollment that has ended': signer(ended),
      'by an identity that was revoked': signer(revoked),
      'by a Mac that has not authenticated': signer({ mac: await attestedMac('C02EEE'), enrollmentId: '' }),
    }
  }

  async function attestedMac(serial: string): Promise<TestMac> {
    const mac = newMac(serial)
    await ensureMac({ macId: `mac-${serial}`, serial })
    const { code } = await here.mdm.invite({ macId: `mac-${serial}`, serial })
    const profile = await mac.fetchProfile(code)
    if (!('plist' in profile)) throw new Error('no profile')
    await mac.obtainIdentity(profile)
    return mac
  }
})
