import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { plistDict } from '../../mdm/plist/value.ts'
import { AppError } from '../errors.ts'
import { type FleetHouse, startFleetHouse } from './testing/fleet-house.ts'
import { enrollMac, type FleetMac } from './testing/fleet-mac.ts'

let house: FleetHouse
let serials = 0
beforeAll(async () => {
  house = await startFleetHouse()
})
afterAll(() => house.close())

async function trusted(): Promise<FleetMac> {
  const mac = await enrollMac(house, `QUARANTINE${String(serials++).padStart(2, '0')}`)
  await mac.becomeTrusted()
  house.clock.advance(1000)
  return mac
}
const row = (mac: FleetMac) => house.store.mac.findUniqueOrThrow({ where: { id: mac.id } })
const reasons = async (mac: FleetMac) =>
  (await house.store.verdict.findFirst({ where: { macId: mac.id }, orderBy: { sequence: 'desc' } }))?.reasons
const release = (mac: FleetMac, note = 'Looked at it in the office; a stale report.') =>
  house.fleet.reader.releaseMac({ mac: mac.id, note, by: 'user:usr_1' })

const SIP_OFF = plistDict({
  SystemIntegrityProtectionEnabled: false,
  FDE_Enabled: true,
  AuthenticatedRootVolumeEnabled: true,
  RemoteDesktopEnabled: false,
  SecureBoot: plistDict({ SecureBootLevel: 'full', ExternalBootLevel: 'disallowed' }),
  ManagementStatus: plistDict({ EnrolledViaDEP: false, UserApprovedEnrollment: true, IsUserEnrollment: false }),
})

async function contradict(mac: FleetMac): Promise<void> {
  mac.answers.SecurityInfo = () => ({ SecurityInfo: SIP_OFF })
  house.clock.advance(1000)
  const { collectFacts } = await import('./plan.ts')
  await collectFacts({ mdm: house.mdm }, mac.enrollmentId)
  await mac.work()
}

describe('quarantine', () => {
  test('comes of a wrong signature on a session that the bound key had opened', async () => {
    const mac = await trusted()
    await house.fleet.desk.livenessLost({ mac: mac.id, session: mac.session, reason: 'CHALLENGE_BAD_SIG' })
    expect(await row(mac)).toMatchObject({ quarantineReason: 'CHALLENGE_BAD_SIG' })
    expect(await reasons(mac)).toContain('MAC_QUARANTINED')
  })

  test('comes of a contradiction between Apple and the Mac, names it, and lasts though the report changes', async () => {
    const mac = await trusted()
    await contradict(mac)
    expect(await row(mac)).toMatchObject({ quarantineReason: 'SIP_CONFLICT' })
    expect(await reasons(mac)).toEqual(expect.arrayContaining(['MAC_QUARANTINED', 'SIP_CONFLICT']))
    delete mac.answers.SecurityInfo
    house.clock.advance(1000)
    const { collectFacts } = await import('./plan.ts')
    await collectFacts({ mdm: house.mdm }, mac.enrollmentId)
    await mac.work()
    expect(await reasons(mac)).toEqual(['MAC_QUARANTINED'])
  })

  test('does not come of an honest repair: the better word is the later one, a restart lies between, and the next report agrees', async () => {
    const mac = await enrollMac(house, `QUARANTINE${String(serials++).padStart(2, '0')}`)
    mac.answers.SecurityInfo = () => ({ SecurityInfo: SIP_OFF })
    await mac.work()
    house.clock.advance(5 * 60_000)
    await mac.becomeTrusted()
    expect(await reasons(mac)).toEqual(['SIP_CONFLICT'])
    expect(await row(mac)).toMatchObject({ quarantinedAt: null })
    delete mac.answers.SecurityInfo
    const { collectFacts } = await import('./plan.ts')
    await collectFacts({ mdm: house.mdm }, mac.enrollmentId)
    await mac.work()
    expect(await reasons(mac)).toEqual([])
  })

  test('is not opened by an attestation of another Mac: the Mac that shows it is put aside', async () => {
    const [mac, other] = [await trusted(), await trusted()]
    const stolen = await house.store.attestation.findFirstOrThrow({ where: { macId: other.id, source: 'device_information' } })
    mac.answers.DeviceInformation = () => ({
      QueryResponses: plistDict({ SerialNumber: mac.serial, ProvisioningUDID: mac.udid, DevicePropertiesAttestation: stolen.chain }),
    })
    house.clock.advance(1000)
    const { requestAttestation } = await import('./plan.ts')
    const about = { mac: mac.id, enrollmentId: mac.enrollmentId, agentKey: mac.agentKey }
    await requestAttestation({ ...house, random: (n) => crypto.getRandomValues(new Uint8Array(n)) }, about)
    await mac.work()
    expect(await row(mac)).toMatchObject({ quarantineReason: 'REPLAYED' })
    // Whose it is was there first, and is not touched, however often it is judged again or repeats itself.
    await other.connect()
    expect(await reasons(other)).toEqual([])
    other.answers.DeviceInformation = () => ({
      QueryResponses: plistDict({ SerialNumber: other.serial, ProvisioningUDID: other.udid, DevicePropertiesAttestation: stolen.chain }),
    })
    await requestAttestation(
      { ...house, random: (n) => crypto.getRandomValues(new Uint8Array(n)) },
      { mac: other.id, enrollmentId: other.enrollmentId, agentKey: other.agentKey },
    )
    await other.work()
    expect(await row(other)).toMatchObject({ quarantinedAt: null })
    expect(await reasons(other)).toEqual([])
  })
})

describe('a release', () => {
  test('needs a Mac that is in quarantine', async () => {
    const mac = await trusted()
    await expect(release(mac)).rejects.toThrow(AppError)
    expect(await house.store.auditEvent.count({ where: { subject: mac.id, type: 'mac.released' } })).toBe(0)
  })

  test('keeps who did it and why, asks the Mac anew, and restores trust where nothing speaks against it', async () => {
    const mac = await trusted()
    await house.fleet.desk.livenessLost({ mac: mac.id, session: mac.session, reason: 'CHALLENGE_BAD_SIG' })
    house.clock.advance(1000)
    await mac.connect()
    await release(mac)
    const event = await house.store.macEvent.findFirst({ where: { macId: mac.id, type: 'released' } })
    expect(event?.detail).toMatchObject({ by: 'user:usr_1', note: expect.stringContaining('office') })
    const audit = await house.store.auditEvent.findFirst({ where: { subject: mac.id, type: 'mac.released' } })
    expect(audit).toMatchObject({ actor: 'user:usr_1', detail: { note: expect.stringContaining('office') } })
    expect(await mac.work()).toEqual(expect.arrayContaining(['SecurityInfo', 'DeviceInformation']))
    expect(await reasons(mac)).toEqual([])
  })

  test('of a Mac that still contradicts Apple leaves it refused, and its next report puts it back', async () => {
    const mac = await trusted()
    await contradict(mac)
    await release(mac)
    expect(await row(mac)).toMatchObject({ quarantinedAt: null })
    expect(await reasons(mac)).toContain('SIP_CONFLICT')
    house.clock.advance(1000)
    await mac.work()
    expect(await row(mac)).toMatchObject({ quarantineReason: 'SIP_CONFLICT' })
  })
})

describe('two enrollments of one serial number', () => {
  test('the newest attested wins: the old one is refused with its reason, and superseded when the new one checks in', async () => {
    const mac = await trusted()
    const twin = await enrollMac(house, mac.serial)
    expect(twin.id).toBe(mac.id)
    const states = await house.store.enrollment.findMany({ where: { macId: mac.id }, orderBy: { createdAt: 'asc' } })
    expect(states.map(({ state }) => state)).toEqual(['superseded', 'enrolled'])
    const event = await house.store.macEvent.findFirst({ where: { macId: mac.id, type: 'enrollment-superseded' } })
    expect(event?.detail).toMatchObject({ enrollment: mac.enrollmentId, by: twin.enrollmentId })
    expect(await house.store.agentKey.count({ where: { macId: mac.id, revokedAt: null } })).toBe(0)
    const verdicts = await house.store.verdict.findMany({ where: { macId: mac.id }, orderBy: { sequence: 'asc' } })
    expect(verdicts.some(({ reasons: codes }) => codes.includes('ENROLLMENT_SUPERSEDED'))).toBe(true)
    await twin.becomeTrusted()
    expect(await reasons(mac)).toEqual([])
  })
})

describe('a wrong proof of a ticket', () => {
  test('is noted once, however often it is tried', async () => {
    const mac = await enrollMac(house, `QUARANTINE${String(serials++).padStart(2, '0')}`)
    await mac.work()
    for (const _ of [1, 2, 3]) expect(await mac.prove({ secret: new Uint8Array(32) })).toBe(false)
    const events = await house.store.macEvent.findMany({ where: { macId: mac.id, type: 'ticket-refused' } })
    expect(events.map(({ detail }) => detail)).toEqual([{ reason: 'MDM_SECRET_MISMATCH' }])
    expect(await mac.prove()).toBe(true)
  })
})
