import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId, type SessionId } from '#protocol/ids'
import { plistDict } from '../../mdm/plist/value.ts'
import { spkiOf } from '../../test/software-mac/apple/authority.ts'
import { DAY_MS, deviceChain, HOUR_MS, p256 } from '../../test/support/trust-evidence.ts'
import { type FleetHouse, startFleetHouse } from './testing/fleet-house.ts'
import { enrollMac, type FleetMac } from './testing/fleet-mac.ts'
import { TICKET_LIFE_MS, TICKET_RETRY_MS } from './tickets.ts'

let house: FleetHouse
let count = 0
const newSerial = (): string => `PLANMAC${String(++count).padStart(4, '0')}`

beforeAll(async () => {
  house = await startFleetHouse()
})
afterAll(() => house.close())

const eventsOf = async (mac: FleetMac, type?: string) => {
  const rows = await house.store.macEvent.findMany({ where: { macId: mac.id, ...(type && { type }) }, orderBy: { sequence: 'asc' } })
  return rows.map((row) => ({ type: row.type, ...(row.detail as Record<string, unknown>) }))
}
const verdict = (mac: FleetMac) => house.store.verdict.findFirst({ where: { macId: mac.id }, orderBy: { sequence: 'desc' } })
const identify = (mac: FleetMac) => house.fleet.desk.identify({ serial: mac.serial, agentKey: mac.agentKey })
const toldOf = (mac: FleetMac, what: string) => house.told.filter((told) => told.mac === mac.id && told.what === what)

describe('the first attestation', () => {
  test('comes in one order: facts, ticket, proof, Apple’s word, trust', async () => {
    const mac = await enrollMac(house, newSerial())
    expect(await mac.work()).toEqual(['DeviceInformation', 'SecurityInfo', 'InstallProfile'])
    expect(toldOf(mac, 'ticket')).toMatchObject([{ ticketId: mac.tickets[0]?.id }])
    await mac.prove()
    await house.fleet.desk.sessionOpened({ mac: mac.id, session: mac.session })
    await mac.answer()
    expect((await verdict(mac))?.reasons).toEqual(['NO_ATTESTATION'])
    expect(await mac.work()).toEqual(['RemoveProfile', 'DeviceInformation'])
    expect(await verdict(mac)).toMatchObject({ trust: 'trusted', keyBinding: 'ticket', reasons: [] })
    expect(toldOf(mac, 'verdict').at(-1)).toMatchObject({ verdict: { trust: 'trusted', agentKey: new Uint8Array(mac.agentKey) } })
    expect((await eventsOf(mac)).map(({ type }) => type)).toEqual([
      ...['invited', 'profile-issued', 'acme-attested', 'authenticated', 'enrolled', 'verdict', 'security-info-received', 'verdict'],
      ...['ticket-delivered', 'key-bound', 'agent-connected', 'attestation-requested', 'verdict', 'attestation-received', 'verdict'],
    ])
  })

  test('without an agent the Mac is refused for want of its key, and no nonce exists', async () => {
    const mac = await enrollMac(house, newSerial())
    await mac.work()
    expect((await verdict(mac))?.reasons).toEqual(expect.arrayContaining(['AGENT_KEY_UNBOUND', 'NO_ATTESTATION', 'NO_SESSION']))
    expect(await house.store.attestationNonce.count({ where: { macId: mac.id } })).toBe(0)
  })

  test('an attestation that Apple repeats for an earlier key is refused as such', async () => {
    const mac = await enrollMac(house, newSerial())
    await mac.becomeTrusted()
    const [first] = mac.nonces
    await house.fleet.desk.sessionClosed({ mac: mac.id, session: mac.session, reason: 'gone' })
    mac.agentKey = spkiOf(p256())
    mac.session = newId<SessionId>('ses')
    await identify(mac)
    await mac.work()
    await mac.prove()
    mac.attested.freshness = first as Uint8Array
    await mac.answer()
    await mac.work()
    expect((await verdict(mac))?.reasons).toEqual(['STALE_KEY_BINDING'])
  })

  test('an attestation under a nonce that was sent to another Mac is refused', async () => {
    const other = await enrollMac(house, newSerial())
    await other.becomeTrusted()
    const mac = await enrollMac(house, newSerial())
    mac.attested.freshness = other.nonces[0] as Uint8Array
    await expect(mac.becomeTrusted()).resolves.toBeUndefined()
    expect((await verdict(mac))?.reasons).toEqual(['FRESHNESS_UNKNOWN'])
  })

  test('an attestation that Apple repeats after a restart proves nothing of the new boot session', async () => {
    const mac = await enrollMac(house, newSerial())
    await mac.becomeTrusted()
    house.clock.advance(1000)
    await mac.answer({ bootSession: 'boot-2' })
    const [nonce] = mac.nonces
    const repeated = (await house.store.attestation.findFirstOrThrow({ where: { macId: mac.id, source: 'device_information' } })).chain
    mac.answers.DeviceInformation = () => ({
      QueryResponses: plistDict({ SerialNumber: mac.serial, ProvisioningUDID: mac.udid, DevicePropertiesAttestation: repeated }),
    })
    await house.store.mdmCommand.updateMany({ where: { enrollmentId: mac.enrollmentId }, data: { dedupeKey: null, state: 'cancelled' } })
    await mac.answer({ bootSession: 'boot-2' })
    await mac.work()
    expect(nonce).toBeDefined()
    const rows = await house.store.attestation.findMany({ where: { macId: mac.id, source: 'device_information' } })
    expect(rows.map((row) => row.bootSession)).toEqual(['boot-1', 'boot-1'])
    house.clock.advance(HOUR_MS)
    await mac.answer({ bootSession: 'boot-2' })
    expect((await verdict(mac))?.reasons).toEqual(['BOOT_SESSION_CHANGED'])
    house.clock.advance(-HOUR_MS - 1000)
  })
})

describe('a reply', () => {
  test('told twice counts once', async () => {
    const mac = await enrollMac(house, newSerial())
    const reply = {
      ...{ enrollmentId: mac.enrollmentId, macId: mac.id, serial: mac.serial, command: 'again', requestType: 'SecurityInfo' },
      ...{
        status: 'Acknowledged' as const,
        raw: new Uint8Array([1, 2]),
        signature: new Uint8Array([7]),
        errorChain: [],
        at: house.clock.now(),
      },
      plist: plistDict({ SecurityInfo: plistDict({ FDE_Enabled: true }) }),
    }
    const device = {
      ...reply,
      requestType: 'DeviceInformation',
      raw: new Uint8Array([3]),
      plist: plistDict({ QueryResponses: plistDict({ SerialNumber: mac.serial, DevicePropertiesAttestation: deviceChain() }) }),
    }
    const { mdmEvents } = house.fleet
    const acme = {
      ...{ enrollmentId: mac.enrollmentId, macId: mac.id, serial: mac.serial, purpose: 'enrollment' as const, at: house.clock.now() },
      ...{ attObj: new Uint8Array([9]), token: 't', spki: new Uint8Array(), evidenceDigest: new Uint8Array(32) },
    }
    for (const _ of [1, 2]) {
      await mdmEvents.onReply(reply)
      await mdmEvents.onReply(device)
      await mdmEvents.onAcmeAttested(acme)
    }
    expect(await house.store.securityInfo.count({ where: { macId: mac.id } })).toBe(1)
    expect(await house.store.attestation.count({ where: { macId: mac.id, source: 'device_information' } })).toBe(1)
    expect(await house.store.attestation.count({ where: { macId: mac.id, source: 'acme' } })).toBe(2)
    expect(await eventsOf(mac, 'security-info-received')).toHaveLength(1)
    expect(await eventsOf(mac, 'attestation-received')).toHaveLength(1)
  })

  test('to InstallProfile told twice delivers one ticket', async () => {
    const mac = await enrollMac(house, newSerial())
    await mac.work()
    const ticket = await house.store.ticket.findFirstOrThrow({ where: { macId: mac.id } })
    await house.fleet.mdmEvents.onReply({
      ...{
        enrollmentId: mac.enrollmentId,
        macId: mac.id,
        serial: mac.serial,
        command: ticket.commandId ?? '',
        requestType: 'InstallProfile',
      },
      ...{
        status: 'Acknowledged',
        raw: new Uint8Array([1]),
        signature: new Uint8Array(),
        errorChain: [],
        at: house.clock.now(),
        plist: new Map(),
      },
    })
    expect(await eventsOf(mac, 'ticket-delivered')).toHaveLength(1)
    expect(toldOf(mac, 'ticket')).toHaveLength(1)
  })

  test('to InstallProfile that comes after the ticket has expired delivers nothing', async () => {
    const mac = await enrollMac(house, newSerial())
    let command = await mac.take()
    while (command.requestType !== 'InstallProfile') command = await mac.reply(command)
    house.clock.advance(TICKET_LIFE_MS)
    await mac.reply(command)
    expect(toldOf(mac, 'ticket')).toEqual([])
    house.clock.advance(-TICKET_LIFE_MS)
  })

  test('of Error to InstallProfile voids the ticket, and the next is sent five minutes later', async () => {
    const mac = await enrollMac(house, newSerial())
    mac.answers.InstallProfile = () => ({
      Status: 'Error',
      ErrorChain: [plistDict({ ErrorCode: 4001n, ErrorDomain: 'MDMErrorDomain', USEnglishDescription: 'no' })],
    })
    await mac.work()
    expect(await eventsOf(mac, 'command-failed')).toEqual([
      { type: 'command-failed', requestType: 'InstallProfile', error: 'MDMErrorDomain 4001' },
    ])
    expect(await house.store.ticket.findFirst({ where: { macId: mac.id } })).toMatchObject({ envelope: null, deliveredAt: null })
    expect(await mac.prove()).toBe(false)
    await identify(mac)
    expect(await mac.work()).toEqual([])
    house.clock.advance(TICKET_RETRY_MS)
    mac.answers = {}
    await identify(mac)
    expect(await mac.work()).toEqual(['InstallProfile'])
    expect(await mac.prove()).toBe(true)
    house.clock.advance(-TICKET_RETRY_MS)
  })

  test('without even a serial number says that the profile’s rights do not suffice', async () => {
    const mac = await enrollMac(house, newSerial())
    mac.answers.DeviceInformation = () => ({ QueryResponses: new Map() })
    mac.answers.SecurityInfo = () => ({ SecurityInfo: new Map() })
    await mac.work()
    expect(await eventsOf(mac, 'reply-incomplete')).toEqual([
      { type: 'reply-incomplete', requestType: 'DeviceInformation', fault: 'RIGHTS_INSUFFICIENT' },
      { type: 'reply-incomplete', requestType: 'SecurityInfo', fault: 'RIGHTS_INSUFFICIENT' },
    ])
    expect((await verdict(mac))?.reasons).toContain('SECURITYINFO_MISSING')
  })

  test('keeps the first ProvisioningUDID that an enrollment reported', async () => {
    const mac = await enrollMac(house, newSerial())
    await mac.work()
    const reply = {
      requestType: 'DeviceInformation',
      status: 'Acknowledged' as const,
      command: 'x',
      raw: new Uint8Array([7]),
      signature: new Uint8Array(),
      errorChain: [],
    }
    await house.fleet.mdmEvents.onReply({
      ...{ ...reply, enrollmentId: mac.enrollmentId, macId: mac.id, serial: mac.serial, at: house.clock.now() },
      plist: plistDict({ QueryResponses: plistDict({ SerialNumber: mac.serial, ProvisioningUDID: 'another' }) }),
    })
    expect(await house.store.enrollment.findUnique({ where: { id: mac.enrollmentId } })).toMatchObject({ provisioningUdid: mac.udid })
  })
})

describe('a Mac that', () => {
  test('authenticates anew loses its key, its session and its trust at once', async () => {
    const mac = await enrollMac(house, newSerial())
    await mac.becomeTrusted()
    await mac.mdm.authenticate()
    expect(await house.store.agentKey.count({ where: { macId: mac.id, revokedAt: null } })).toBe(0)
    expect(toldOf(mac, 'disconnect')).toHaveLength(2)
    expect((await verdict(mac))?.reasons).toEqual(expect.arrayContaining(['NOT_ENROLLED', 'AGENT_KEY_UNBOUND']))
    expect(await identify(mac)).toMatchObject({ key: { state: 'none' } })
  })

  test('checks out loses its key, its session and its trust at once', async () => {
    const mac = await enrollMac(house, newSerial())
    await mac.becomeTrusted()
    await mac.mdm.checkin({ MessageType: 'CheckOut' })
    expect(await house.store.agentKey.count({ where: { macId: mac.id, revokedAt: null } })).toBe(0)
    expect(toldOf(mac, 'disconnect').at(-1)).toMatchObject({ reason: 'the Mac left management' })
    expect((await verdict(mac))?.reasons).toContain('NOT_ENROLLED')
    expect(await house.store.auditEvent.count({ where: { subject: mac.id, type: 'mac.unenrolled' } })).toBe(1)
  })

  test('checks out while it is offline is refused as not enrolled, not merely as offline', async () => {
    const mac = await enrollMac(house, newSerial())
    await mac.becomeTrusted()
    await house.fleet.desk.sessionClosed({ mac: mac.id, session: mac.session, reason: 'asleep' })
    expect((await verdict(mac))?.reasons).toEqual(['NO_SESSION'])
    await mac.mdm.checkin({ MessageType: 'CheckOut' })
    expect((await verdict(mac))?.reasons).toContain('NOT_ENROLLED')
  })

  test('Apple’s attestation refuses before it is enrolled has a verdict of just those reasons, once', async () => {
    await expect(enrollMac(house, 'REFUSEDMAC01', { attested: { sip: 1 } })).rejects.toThrow()
    const { id } = await house.store.mac.findUniqueOrThrow({ where: { serial: 'REFUSEDMAC01' } })
    const verdicts = await house.store.verdict.findMany({ where: { macId: id } })
    expect(verdicts).toMatchObject([{ trust: 'refused', reasons: ['SIP_DISABLED'] }])
    expect(await house.store.evidence.count({ where: { kind: 'acme-attestation-object' } })).toBeGreaterThan(0)
    await expect(enrollMac(house, 'REFUSEDMAC01', { attested: { sip: 1 } })).rejects.toThrow()
    expect(await house.store.verdict.count({ where: { macId: id } })).toBe(1)
  })

  test('is enrolled keeps its verdict when somebody else’s attempt under its serial is refused', async () => {
    const mac = await enrollMac(house, newSerial())
    await mac.becomeTrusted()
    await expect(enrollMac(house, mac.serial, { attested: { serial: 'OTHERMAC0001' } })).rejects.toThrow()
    expect((await verdict(mac))?.trust).toBe('trusted')
    expect(await identify(mac)).toMatchObject({ key: { state: 'bound' } })
  })

  test('grows old is refused at the very moment that its verdict named', async () => {
    const mac = await enrollMac(house, newSerial())
    await mac.becomeTrusted()
    const until = (await verdict(mac))?.until
    expect(until?.getTime()).toBeLessThanOrEqual(house.clock.now().getTime() + 8 * DAY_MS)
  })
})
