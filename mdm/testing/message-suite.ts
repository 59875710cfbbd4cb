import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { deviceConfigured } from '../commands/device-configured.ts'
import { deviceInformation } from '../commands/device-information.ts'
import { removeProfile } from '../commands/remove-profile.ts'
import { securityInfo } from '../commands/security-info.ts'
import { type Declaration, serverToken } from '../ddm/declaration.ts'
import { activation, statusSubscriptions } from '../ddm/status-subscriptions.ts'
import { declarationsToken } from '../ddm/tokens.ts'
import { parsePlistDict } from '../plist/parse-plist.ts'
import { dataAt, dictAt, type PlistDict, type PlistValue } from '../plist/value.ts'
import type { RawReply } from '../ports.ts'
import type { PortsUnderTest } from './journey-suite.ts'
import { createTestInstallation, type TestInstallation, TOPIC } from './test-installation.ts'
import type { TestMac } from './test-mac.ts'

const live = { ttlMs: 3600_000 }
const TOKEN = Uint8Array.from({ length: 96 }, (_, i) => i)
const ANOTHER = Uint8Array.of(9, 9, 9)

/** What a Mac says beside the first journey: escrow, Setup Assistant, users, declarations; and the rules of its queue. */
export function describeMessages(name: string, open: () => Promise<PortsUnderTest>): void {
  describe(`messages over ${name}`, () => {
    let ports: PortsUnderTest
    let here: TestInstallation
    let mac: TestMac
    let enrollmentId: string
    beforeEach(async () => {
      ports = await open()
      here = await createTestInstallation(ports, ports)
      mac = here.mac('C02AAA')
      enrollmentId = await here.enroll(mac)
    })
    afterEach(async () => ports.drop?.())

    const setToken = (token: PlistValue | undefined, of = mac) => of.checkin({ MessageType: 'SetBootstrapToken', BootstrapToken: token })
    const getToken = async (of = mac) => dataAt(plistOf(await of.checkin({ MessageType: 'GetBootstrapToken' })), 'BootstrapToken')
    const stateOf = async (command: string) => (await ports.commands.find(enrollmentId, command))?.state

    describe('the bootstrap token', () => {
      test('is given back to the enrollment that left it, and to no other', async () => {
        const other = here.mac('C02BBB')
        await here.enroll(other)
        expect((await setToken(TOKEN)).status).toBe(200)
        expect(await getToken()).toEqual(TOKEN)
        expect(await getToken(other)).toBeUndefined()
        await setToken(ANOTHER, other)
        expect([await getToken(), await getToken(other)]).toEqual([TOKEN, ANOTHER])
      })
      test('is replaced by a newer one', async () => {
        await setToken(TOKEN)
        await setToken(ANOTHER)
        expect(await getToken()).toEqual(ANOTHER)
      })
      test.each([
        ['none', undefined],
        ['an empty one', new Uint8Array()],
      ])('is forgotten when the Mac sends %s', async (_, token) => {
        await setToken(TOKEN)
        expect((await setToken(token)).status).toBe(200)
        expect(await getToken()).toBeUndefined()
      })
      test('is forgotten when the Mac authenticates anew', async () => {
        await setToken(TOKEN)
        await mac.authenticate()
        expect(await getToken()).toBeUndefined()
      })
      test('is forgotten when a newer enrollment takes its place, when the Mac leaves, and when we end it', async () => {
        await setToken(TOKEN)
        await here.enroll(here.mac('C02AAA'))
        expect(await ports.bootstrapTokens.find(enrollmentId)).toBeUndefined()
        const leaving = here.mac('C02BBB')
        const left = await here.enroll(leaving)
        await setToken(TOKEN, leaving)
        await leaving.checkin({ MessageType: 'CheckOut', Topic: TOPIC })
        expect(await ports.bootstrapTokens.find(left)).toBeUndefined()
        const ended = here.mac('C02CCC')
        const endedId = await here.enroll(ended)
        await setToken(TOKEN, ended)
        await here.mdm.end(endedId)
        expect(await ports.bootstrapTokens.find(endedId)).toBeUndefined()
        expect(await ports.bootstrapTokens.keep(endedId, TOKEN, new Date())).toBe(false)
      })
      test.each([
        ['text', 'AAAA'],
        ['more than 16 KiB', new Uint8Array(16 * 1024 + 1)],
      ])('is refused as %s, and what is kept stays', async (_, token) => {
        await setToken(TOKEN)
        expect((await setToken(token)).status).toBe(400)
        expect(await getToken()).toEqual(TOKEN)
      })
    })

    describe('a Mac that waits in Setup Assistant', () => {
      beforeEach(async () => {
        await mac.authenticate()
        await mac.tokenUpdate({ AwaitingConfiguration: true })
      })
      const isWaiting = async () => (await ports.enrollments.find(enrollmentId))?.awaitingConfiguration

      test('is remembered as waiting, and its listener is told', async () => {
        expect(await isWaiting()).toBe(true)
        expect(here.eventsNamed('onEnrolled').at(-1)).toMatchObject({ awaitingConfiguration: true })
      })
      test('waits no more once it has acknowledged DeviceConfigured', async () => {
        const command = await here.mdm.enqueue(enrollmentId, deviceConfigured(), live)
        await mac.idle()
        await mac.connect({ Status: 'Acknowledged', CommandUUID: command })
        expect(await isWaiting()).toBe(false)
      })
      test('goes on waiting when DeviceConfigured fails', async () => {
        const command = await here.mdm.enqueue(enrollmentId, deviceConfigured(), live)
        await mac.idle()
        await mac.connect({ Status: 'Error', CommandUUID: command })
        expect(await isWaiting()).toBe(true)
      })
    })

    describe('the queue', () => {
      const ask = (key: string) => {
        const command = deviceInformation({ attestationNonce: new TextEncoder().encode(key) })
        return here.mdm.enqueue(enrollmentId, command, { ...live, dedupeKey: `attestation:${key}`, supersedes: 'attestation:' })
      }

      test('one attestation is outstanding for a Mac: a stale question about an old key is cancelled when one about another key is queued', async () => {
        const old = await ask('old key')
        const unrelated = await here.mdm.enqueue(enrollmentId, securityInfo(), live)
        const fresh = await ask('new key')
        expect(await stateOf(old)).toBe('cancelled')
        expect(await stateOf(unrelated)).toBe('queued')
        const offered = [await mac.idle()]
        offered.push(await mac.connect({ Status: 'Acknowledged', CommandUUID: offered[0]?.uuid }))
        expect(offered.map(({ uuid }) => uuid)).toEqual([unrelated, fresh])
      })
      test('a stale question is cancelled even when it was sent or put off, and its late answer is ignored', async () => {
        const old = await ask('old key')
        await mac.idle()
        await mac.connect({ Status: 'NotNow', CommandUUID: old })
        await ask('new key')
        expect(await stateOf(old)).toBe('cancelled')
        await mac.connect({ Status: 'Acknowledged', CommandUUID: old })
        expect(here.eventsNamed('onReply')).toEqual([])
      })
      test('an equal question is one command, and nothing is cancelled', async () => {
        const first = await ask('key')
        expect(await ask('key')).toBe(first)
        expect(await stateOf(first)).toBe('queued')
      })
      test('a question asked by the listener of the older one’s answer does not cancel that answer', async () => {
        const old = await ask('old key')
        await mac.idle()
        here.on.onReply = async () => void (await ask('new key'))
        await mac.connect({ Status: 'Acknowledged', CommandUUID: old })
        expect(await stateOf(old)).toBe('acknowledged')
      })
      test('another Mac’s question is never overtaken', async () => {
        const other = here.mac('C02BBB')
        const enrollmentOfOther = await here.enroll(other)
        const theirs = await here.mdm.enqueue(enrollmentOfOther, deviceInformation(), { ...live, dedupeKey: 'attestation:theirs' })
        await ask('ours')
        expect((await ports.commands.find(enrollmentOfOther, theirs))?.state).toBe('queued')
      })
      test('NotNow never blocks: what a Mac puts off again and again holds up nothing behind it', async () => {
        const never = await here.mdm.enqueue(enrollmentId, removeProfile('never'), live)
        const later = []
        for (let i = 0; i < 3; i++) later.push(await here.mdm.enqueue(enrollmentId, removeProfile(`p${i}`), live))
        const done: (string | undefined)[] = []
        for (let session = 0; session < 2; session++) {
          for (let command = await mac.idle(); command.uuid !== undefined; ) {
            const isNever = command.uuid === never
            if (!isNever) done.push(command.uuid)
            command = await mac.connect({ Status: isNever ? 'NotNow' : 'Acknowledged', CommandUUID: command.uuid })
          }
        }
        expect(done).toEqual(later)
        expect(await stateOf(never)).toBe('not_now')
      })
      test('a command that was put off is not offered again in the same session', async () => {
        const command = await here.mdm.enqueue(enrollmentId, securityInfo(), live)
        await mac.idle()
        expect(await mac.connect({ Status: 'NotNow', CommandUUID: command })).toMatchObject({ uuid: undefined })
      })
    })

    describe('users', () => {
      test.each([
        ['UserAuthenticate', 410],
        ['TokenUpdate', 200],
        ['CheckOut', 200],
        ['Authenticate', 404],
        ['SetBootstrapToken', 404],
        ['GetBootstrapToken', 404],
        ['DeclarativeManagement', 404],
        ['GetToken', 404],
        ['ReturnToService', 404],
      ])('are declined: %s of a user is answered %i and changes nothing of the device', async (MessageType, status) => {
        await setToken(TOKEN)
        const before = await ports.enrollments.find(enrollmentId)
        const told = here.told.length
        const message = { MessageType, Topic: TOPIC, Token: ANOTHER, PushMagic: 'user', BootstrapToken: ANOTHER, Endpoint: 'tokens' }
        const reply = await mac.checkin({ ...message, SerialNumber: 'C02AAA', UserID: 'U-1', UserShortName: 'anna' })
        expect(reply.status).toBe(status)
        expect(await ports.enrollments.find(enrollmentId)).toEqual(before)
        expect(await ports.bootstrapTokens.find(enrollmentId)).toEqual(TOKEN)
        expect(here.told).toHaveLength(told)
      })
      test.each(['Idle', 'NotNow', 'Acknowledged', 'Error', 'CommandFormatError'])(
        'have no queue: %s of a user neither sees nor settles a command of the device',
        async (Status) => {
          const command = await here.mdm.enqueue(enrollmentId, securityInfo(), live)
          await mac.idle()
          expect(await mac.connect({ Status, CommandUUID: command, UserID: 'U-1' })).toMatchObject({ status: 200, uuid: undefined })
          expect(await stateOf(command)).toBe('sent')
        },
      )
    })

    test('a token service is not offered, whichever is asked for', async () => {
      for (const TokenServiceType of ['com.apple.maid', 'com.apple.watch.pairing', 'x', undefined]) {
        expect((await mac.checkin({ MessageType: 'GetToken', TokenServiceType })).status).toBe(404)
      }
    })
    test('a Mac that asks to erase itself is told no', async () => {
      const reply = plistOf(await mac.checkin({ MessageType: 'ReturnToService' }))
      expect(dictAt(reply, 'ReturnToService')?.get('Enabled')).toBe(false)
    })

    describe('declarations', () => {
      const declarations: Declaration[] = [statusSubscriptions('s', ['device.identifier.udid']), activation('a', ['s'])]
      const token = declarationsToken(declarations)
      const fetched: string[] = []
      beforeEach(() => {
        fetched.length = 0
        const set = { declarations, token, changedAt: new Date('2026-11-02T09:00:00.500Z') }
        here.deps.declarations = {
          find: async (id) => (id === enrollmentId ? set : undefined),
          fetched: async (id, under) => void fetched.push(`${id} ${under}`),
        }
      })
      const ask = (Endpoint: string, Data?: Uint8Array, of = mac) => of.checkin({ MessageType: 'DeclarativeManagement', Endpoint, Data })
      const json = async (reply: Promise<RawReply>) => JSON.parse(new TextDecoder().decode((await reply).body))

      test('are announced by their token, listed, and fetched one by one', async () => {
        expect(await json(ask('tokens'))).toEqual({ SyncTokens: { DeclarationsToken: token, Timestamp: '2026-11-02T09:00:00Z' } })
        expect(fetched).toEqual([])
        expect(await json(ask('declaration-items'))).toEqual({
          Declarations: {
            Activations: [{ Identifier: 'a', ServerToken: serverToken(declarations[1] as Declaration) }],
            Configurations: [{ Identifier: 's', ServerToken: serverToken(declarations[0] as Declaration) }],
            Assets: [],
            Management: [],
          },
          DeclarationsToken: token,
        })
        expect(fetched).toEqual([`${enrollmentId} ${token}`])
        expect(await json(ask('declaration/configuration/s'))).toEqual({
          Identifier: 's',
          Type: 'com.apple.configuration.management.status-subscriptions',
          ServerToken: serverToken(declarations[0] as Declaration),
          Payload: { StatusItems: [{ Name: 'device.identifier.udid' }] },
        })
      })
      test.each([
        ['declaration/configuration/a', 404],
        ['declaration/asset/s', 404],
        ['declaration/configuration/unknown', 404],
        ['declaration/anything/s', 400],
        ['declaration/configuration', 400],
        ['declaration/configuration/s/x', 400],
        ['', 400],
        ['Tokens', 400],
      ])('%j is answered %i', async (endpoint, status) => {
        expect((await ask(endpoint)).status).toBe(status)
      })
      test('of another Mac are not seen', async () => {
        const other = here.mac('C02BBB')
        await here.enroll(other)
        for (const endpoint of ['tokens', 'declaration-items', 'declaration/configuration/s', 'status']) {
          expect((await ask(endpoint, new TextEncoder().encode('{"StatusItems":{},"Errors":[]}'), other)).status).toBe(404)
        }
        expect([fetched, here.eventsNamed('onDeclarativeStatus')]).toEqual([[], []])
      })
      test('a status report is told as it was read, with its bytes', async () => {
        const raw = new TextEncoder().encode('{"StatusItems":{"device":{"identifier":{"udid":"X"}}},"Errors":[]}')
        expect((await ask('status', raw)).status).toBe(200)
        expect(here.eventsNamed('onDeclarativeStatus')).toMatchObject([
          { enrollmentId, serial: 'C02AAA', raw, report: { items: { device: { identifier: { udid: 'X' } } }, errors: [], isFull: false } },
        ])
      })
      test.each([
        ['nothing', undefined],
        ['no JSON', new TextEncoder().encode('{')],
        ['another shape', new TextEncoder().encode('{"StatusItems":[]}')],
      ])('a status report that is %s is refused and not told', async (_, raw) => {
        expect((await ask('status', raw)).status).toBe(400)
        expect(here.eventsNamed('onDeclarativeStatus')).toEqual([])
      })
    })
  })
}

function plistOf(reply: RawReply): PlistDict {
  const parsed = parsePlistDict(reply.body)
  if (reply.status !== 200 || !parsed.ok) throw new Error(`no property list: ${reply.status}`)
  return parsed.value
}
