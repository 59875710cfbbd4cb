import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { deviceInformation } from '../commands/device-information.ts'
import { removeProfile } from '../commands/remove-profile.ts'
import { securityInfo } from '../commands/security-info.ts'
import { CommandRefused } from '../create-mdm.ts'
import { ACCESS_RIGHTS } from '../enrollment/access-rights.ts'
import { dataAt, plistDict } from '../plist/value.ts'
import { createTestInstallation, type Ports, type TestInstallation, TOPIC } from './test-installation.ts'

const HOUR_MS = 3600_000
const DAY_MS = 24 * HOUR_MS

export type PortsUnderTest = Ports & { ensureMac?: (mac: { macId: string; serial: string }) => Promise<void>; drop?(): Promise<void> }

/** From the link to the last reply, over whichever ports: the same sentences must hold in memory and in PostgreSQL. */
export function describeJourney(name: string, open: () => Promise<PortsUnderTest>): void {
  describe(`MDM over ${name}`, () => {
    let ports: PortsUnderTest
    let here: TestInstallation
    beforeEach(async () => {
      ports = await open()
      here = await createTestInstallation(ports, ports)
    })
    afterEach(async () => ports.drop?.())

    const invite = async (serial: string, macId = `mac-${serial}`) => {
      await ports.ensureMac?.({ macId, serial })
      return here.mdm.invite({ macId, serial })
    }
    const live = { ttlMs: HOUR_MS }

    test('a Mac enrolls: link, profile, attested identity, Authenticate, TokenUpdate', async () => {
      const mac = here.mac('C02AAA')
      const enrollmentId = await here.enroll(mac)
      const enrollment = await ports.enrollments.find(enrollmentId)
      expect(enrollment).toMatchObject({
        state: 'enrolled',
        serial: 'C02AAA',
        udid: mac.udid,
        pushMagic: 'magic-C02AAA',
        accessRights: ACCESS_RIGHTS,
      })
      expect(here.told.map(({ name }) => name)).toEqual(['onProfileIssued', 'onAcmeAttested', 'onAuthenticate', 'onEnrolled'])
      expect(here.eventsNamed('onAuthenticate')[0]).toMatchObject({
        isRepeat: false,
        device: { deviceName: 'Test Mac', osVersion: '26.1' },
      })
    })

    test('the link hands out a fresh ClientIdentifier each time, until one was used', async () => {
      const mac = here.mac('C02AAA')
      const { code } = await invite('C02AAA')
      const first = await mac.fetchProfile(code)
      const second = await mac.fetchProfile(code)
      if (!('plist' in first) || !('plist' in second)) throw new Error('no profile')
      expect(first.clientIdentifier).not.toBe(second.clientIdentifier)
      await expect(mac.obtainIdentity(first)).rejects.toThrow()
      await mac.obtainIdentity(second)
      expect(await mac.fetchProfile(code)).toEqual({ status: 410 })
      await expect(mac.obtainIdentity(second)).rejects.toThrow('rejectedIdentifier')
      // Whoever finds an old profile may not speak about the Mac that enrolled with it.
      expect(here.eventsNamed('onAcmeRefused')).toEqual([])
    })

    test('a link ends with its time, and with a newer link for the same Mac', async () => {
      const mac = here.mac('C02AAA')
      const older = await invite('C02AAA')
      const newer = await invite('C02AAA')
      expect(await mac.fetchProfile(older.code)).toEqual({ status: 410 })
      here.advance(8 * DAY_MS)
      expect(await mac.fetchProfile(newer.code)).toEqual({ status: 410 })
      expect(await mac.fetchProfile('A'.repeat(32))).toEqual({ status: 404 })
    })

    test('a ClientIdentifier is good for a day', async () => {
      const mac = here.mac('C02AAA')
      const profile = await mac.fetchProfile((await invite('C02AAA')).code)
      if (!('plist' in profile)) throw new Error('no profile')
      here.advance(DAY_MS + 1)
      await expect(mac.obtainIdentity(profile)).rejects.toThrow('rejectedIdentifier')
      expect(here.eventsNamed('onAcmeRefused')).toEqual([])
    })

    test('commands go out in order, one for each reply, and answers come in', async () => {
      const mac = here.mac('C02AAA')
      const enrollmentId = await here.enroll(mac)
      const nonce = Uint8Array.of(7, 7, 7)
      const first = await here.mdm.enqueue(enrollmentId, deviceInformation({ attestationNonce: nonce }), live)
      const second = await here.mdm.enqueue(enrollmentId, securityInfo(), live)
      await expect.poll(() => here.pushes.length).toBeGreaterThan(0)
      const offered = await mac.idle()
      expect(offered).toMatchObject({ uuid: first, requestType: 'DeviceInformation' })
      expect(offered.command && dataAt(offered.command, 'DeviceAttestationNonce')).toEqual(nonce)
      const responses = plistDict({ SerialNumber: 'C02AAA' })
      expect(await mac.connect({ Status: 'Acknowledged', CommandUUID: first, QueryResponses: responses })).toMatchObject({ uuid: second })
      const errors = [plistDict({ ErrorCode: 12021n, ErrorDomain: 'MCMDMErrorDomain', USEnglishDescription: 'unknown' })]
      expect(await mac.connect({ Status: 'Error', CommandUUID: second, ErrorChain: errors })).toMatchObject({
        status: 200,
        uuid: undefined,
      })
      const [one, two] = here.eventsNamed('onReply')
      expect(one).toMatchObject({ command: first, requestType: 'DeviceInformation', status: 'Acknowledged', macId: 'mac-C02AAA' })
      expect(one?.plist.get('QueryResponses')).toEqual(responses)
      expect(two?.errorChain).toEqual([{ code: 12021, domain: 'MCMDMErrorDomain', description: 'unknown' }])
      expect((await ports.commands.find(enrollmentId, first))?.state).toBe('acknowledged')
      expect((await ports.commands.find(enrollmentId, second))?.state).toBe('failed')
    })

    test('NotNow keeps the command, holds up no other, and waits for the next Idle', async () => {
      const mac = here.mac('C02AAA')
      const enrollmentId = await here.enroll(mac)
      const first = await here.mdm.enqueue(enrollmentId, securityInfo(), live)
      const second = await here.mdm.enqueue(enrollmentId, removeProfile('x'), live)
      await mac.idle()
      expect(await mac.connect({ Status: 'NotNow', CommandUUID: first })).toMatchObject({ uuid: second })
      expect(await mac.connect({ Status: 'Acknowledged', CommandUUID: second })).toMatchObject({ uuid: undefined })
      expect(await mac.idle()).toMatchObject({ uuid: first })
      expect(await mac.connect({ Status: 'Acknowledged', CommandUUID: first })).toMatchObject({ uuid: undefined })
      expect(here.eventsNamed('onReply').map(({ command }) => command)).toEqual([second, first])
    })

    test('device A can never see a command of device B', async () => {
      const [a, b] = [here.mac('C02AAA'), here.mac('C02BBB')]
      await here.enroll(a)
      await here.mdm.enqueue(await here.enroll(b), securityInfo(), live)
      expect(await a.idle()).toMatchObject({ status: 200, uuid: undefined })
      // Not even under B's UDID.
      expect(await a.connect({ Status: 'Idle', UDID: b.udid })).toMatchObject({ status: 401 })
      expect((await b.idle()).uuid).toBeDefined()
    })

    test('device A can never answer a command of device B', async () => {
      const [a, b] = [here.mac('C02AAA'), here.mac('C02BBB')]
      await here.enroll(a)
      const enrollmentOfB = await here.enroll(b)
      const command = await here.mdm.enqueue(enrollmentOfB, securityInfo(), live)
      await b.idle()
      expect(await a.connect({ Status: 'Acknowledged', CommandUUID: command })).toMatchObject({ status: 200, uuid: undefined })
      expect(await a.connect({ Status: 'NotNow', CommandUUID: command })).toMatchObject({ status: 200, uuid: undefined })
      expect(here.eventsNamed('onReply')).toEqual([])
      expect((await ports.commands.find(enrollmentOfB, command))?.state).toBe('sent')
    })

    test('an answer counts once, and not before the command was sent', async () => {
      const mac = here.mac('C02AAA')
      const enrollmentId = await here.enroll(mac)
      const command = await here.mdm.enqueue(enrollmentId, securityInfo(), live)
      await mac.connect({ Status: 'Acknowledged', CommandUUID: command })
      expect(here.eventsNamed('onReply')).toEqual([])
      await mac.idle()
      await mac.connect({ Status: 'Acknowledged', CommandUUID: command })
      await mac.connect({ Status: 'Acknowledged', CommandUUID: command })
      expect(here.eventsNamed('onReply')).toHaveLength(1)
    })

    test('a listener that fails loses no reply: 500, and the command is offered again', async () => {
      const mac = here.mac('C02AAA')
      const enrollmentId = await here.enroll(mac)
      const command = await here.mdm.enqueue(enrollmentId, securityInfo(), live)
      await mac.idle()
      here.on.onReply = async () => {
        throw new Error('the database is away')
      }
      expect(await mac.connect({ Status: 'Acknowledged', CommandUUID: command })).toMatchObject({ status: 500 })
      delete here.on.onReply
      expect(await mac.idle()).toMatchObject({ uuid: command })
      expect(await mac.connect({ Status: 'Acknowledged', CommandUUID: command })).toMatchObject({ status: 200 })
      expect((await ports.commands.find(enrollmentId, command))?.state).toBe('acknowledged')
    })

    test('a command whose answer never came is offered again at the next Idle', async () => {
      const mac = here.mac('C02AAA')
      const command = await here.mdm.enqueue(await here.enroll(mac), securityInfo(), live)
      expect([(await mac.idle()).uuid, (await mac.idle()).uuid]).toEqual([command, command])
    })

    test('equal wishes are one command while it lives; its own reply may ask again', async () => {
      const mac = here.mac('C02AAA')
      const enrollmentId = await here.enroll(mac)
      const ask = () => here.mdm.enqueue(enrollmentId, securityInfo(), { ...live, dedupeKey: 'security' })
      const [first, twin] = await Promise.all([ask(), ask()])
      expect(twin).toBe(first)
      await mac.idle()
      let again = ''
      here.on.onReply = async () => {
        again = await ask()
      }
      expect(await mac.connect({ Status: 'Acknowledged', CommandUUID: first })).toMatchObject({ uuid: again })
      expect(again).not.toBe(first)
    })

    test('a command ends with its time or by being cancelled', async () => {
      const mac = here.mac('C02AAA')
      const enrollmentId = await here.enroll(mac)
      const late = await here.mdm.enqueue(enrollmentId, securityInfo(), { ttlMs: 1000 })
      const unwanted = await here.mdm.enqueue(enrollmentId, removeProfile('x'), { ...live, dedupeKey: 'x' })
      expect(await here.mdm.cancel(enrollmentId, { dedupeKey: 'x' })).toBe(1)
      here.advance(2000)
      expect(await mac.idle()).toMatchObject({ uuid: undefined })
      expect((await ports.commands.find(enrollmentId, late))?.state).toBe('expired')
      expect((await ports.commands.find(enrollmentId, unwanted))?.state).toBe('cancelled')
    })

    test('a queue has an end', async () => {
      const enrollmentId = await here.enroll(here.mac('C02AAA'))
      for (let i = 0; i < 64; i++) await here.mdm.enqueue(enrollmentId, securityInfo(), live)
      await expect(here.mdm.enqueue(enrollmentId, securityInfo(), live)).rejects.toThrow(CommandRefused)
    })

    test('commands queued by the listener of the enrollment are pushed once the Mac is enrolled', async () => {
      const mac = here.mac('C02AAA')
      here.on.onEnrolled = async ({ enrollmentId }) => void (await here.mdm.enqueue(enrollmentId, securityInfo(), live))
      await here.enroll(mac)
      await expect.poll(() => here.pushes).toContainEqual({ pushMagic: 'magic-C02AAA' })
      expect(await mac.idle()).toMatchObject({ requestType: 'SecurityInfo' })
    })

    test('a TokenUpdate whose listener fails enrolls only when it comes again', async () => {
      const mac = here.mac('C02AAA')
      here.on.onEnrolled = async () => {
        throw new Error('away')
      }
      const enrollmentId = await here.enroll(mac)
      expect((await ports.enrollments.find(enrollmentId))?.state).toBe('authenticated')
      delete here.on.onEnrolled
      expect((await mac.tokenUpdate()).status).toBe(200)
      expect((await ports.enrollments.find(enrollmentId))?.state).toBe('enrolled')
      expect(here.eventsNamed('onEnrolled')).toHaveLength(2)
      await mac.tokenUpdate({ Token: Uint8Array.of(9) })
      expect(here.eventsNamed('onEnrolled')).toHaveLength(2)
      expect((await ports.enrollments.find(enrollmentId))?.pushToken).toEqual(Uint8Array.of(9))
    })

    test('a new Authenticate makes everything before it void', async () => {
      const mac = here.mac('C02AAA')
      const enrollmentId = await here.enroll(mac)
      const command = await here.mdm.enqueue(enrollmentId, securityInfo(), live)
      expect((await mac.authenticate()).status).toBe(200)
      expect(here.eventsNamed('onAuthenticate')[1]).toMatchObject({ isRepeat: true })
      expect(await ports.enrollments.find(enrollmentId)).toMatchObject({
        state: 'authenticated',
        pushToken: undefined,
        enrolledAt: undefined,
      })
      expect((await ports.commands.find(enrollmentId, command))?.state).toBe('cancelled')
      expect(await mac.idle()).toMatchObject({ status: 200, uuid: undefined })
      expect(await here.mdm.wake(enrollmentId)).toEqual({ status: 'no_token' })
    })

    test('a Mac whose token Apple has given up is not pushed to, until it is heard again', async () => {
      const [mac, other] = [here.mac('C02AAA'), here.mac('C02BBB')]
      const enrollmentId = await here.enroll(mac)
      const otherId = await here.enroll(other)
      here.apns.answer = { status: 'unregistered', reason: 'Unregistered' }
      await here.mdm.wake(enrollmentId)
      expect((await ports.enrollments.find(enrollmentId))?.unreachableAt).toBeInstanceOf(Date)
      expect((await ports.enrollments.find(otherId))?.unreachableAt).toBeUndefined()
      expect(await here.mdm.wake(enrollmentId)).toEqual({ status: 'no_token' })
      expect(here.pushes.length).toBe(1)
      expect(await here.mdm.wake(otherId)).toEqual({ status: 'queued' })
      await mac.idle()
      expect((await ports.enrollments.find(enrollmentId))?.unreachableAt).toBeUndefined()
      expect(await here.mdm.wake(enrollmentId)).toEqual({ status: 'queued' })
    })

    test('a new token is pushed to at once, if a command had to wait for it; Apple’s word on the old one no longer counts', async () => {
      const mac = here.mac('C02AAA')
      const enrollmentId = await here.enroll(mac)
      const before = (await ports.enrollments.find(enrollmentId))?.pushToken ?? new Uint8Array()
      here.apns.answer = { status: 'unregistered', reason: 'BadDeviceToken' }
      await here.mdm.enqueue(enrollmentId, securityInfo(), live)
      await expect.poll(async () => (await ports.enrollments.find(enrollmentId))?.unreachableAt).toBeInstanceOf(Date)
      here.apns.answer = { status: 'delivered', apnsId: undefined }
      const sent = here.pushes.length
      await mac.tokenUpdate({ Token: Uint8Array.of(9, 9) })
      await expect.poll(() => here.pushes.length).toBe(sent + 1)
      const at = new Date()
      expect(await ports.enrollments.markUnreachable({ id: enrollmentId, token: before, at })).toBe(false)
      expect((await ports.enrollments.find(enrollmentId))?.unreachableAt).toBeUndefined()
    })

    test('the newest attested enrollment of a Mac displaces the older one', async () => {
      const [before, after] = [here.mac('C02AAA'), here.mac('C02AAA')]
      const old = await here.enroll(before)
      await here.enroll(after)
      expect((await ports.enrollments.find(old))?.state).toBe('superseded')
      expect(await before.idle()).toMatchObject({ status: 410 })
      expect(await after.idle()).toMatchObject({ status: 200 })
      await expect(here.mdm.enqueue(old, securityInfo(), live)).rejects.toThrow(CommandRefused)
    })

    test('after CheckOut, or an end from our side, the identity is gone', async () => {
      const [a, b] = [here.mac('C02AAA'), here.mac('C02BBB')]
      await here.enroll(a)
      const enrollmentOfB = await here.enroll(b)
      expect((await a.checkin({ MessageType: 'CheckOut', Topic: TOPIC })).status).toBe(200)
      expect(here.eventsNamed('onCheckOut')).toHaveLength(1)
      expect((await a.authenticate()).status).toBe(410)
      expect(await here.mdm.end(enrollmentOfB)).toBe(true)
      expect(await b.idle()).toMatchObject({ status: 410 })
    })
  })
}
