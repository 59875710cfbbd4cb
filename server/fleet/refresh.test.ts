import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { SILENCE_LIMIT_MS } from '#protocol/frames'
import type { EvidenceAges } from '../store/enrollment-lookup.ts'
import { chooseDue } from './refresh.ts'
import { type FleetHouse, startFleetHouse } from './testing/fleet-house.ts'
import { enrollMac, type FleetMac } from './testing/fleet-mac.ts'
import { TICKET_LIFE_MS } from './tickets.ts'

const HOUR = 3600_000
const DAY = 24 * HOUR
const NOW = Date.UTC(2026, 10, 21, 12)
const agentKey = new Uint8Array([1])
const at = (agoMs: number): Date => new Date(NOW - agoMs)

describe('what one Mac’s evidence needs', () => {
  const ages: EvidenceAges = {
    ...{ macId: 'mac_0123456789abcdefghjk', enrollmentId: 'e', agentKey, attestedAt: at(HOUR), lastAskedAt: at(HOUR) },
    ...{ securityInfoAt: at(HOUR), factsAskedAt: at(HOUR), isFactsAsked: false, trustedUntil: at(-HOUR) },
  }
  const nothing = { facts: false, attestation: undefined, appraisal: false }

  test.each<[string, Partial<EvidenceAges>, Partial<ReturnType<typeof chooseDue>>]>([
    ['nothing while all is young', {}, {}],
    ['facts that never came', { securityInfoAt: null, factsAskedAt: null }, { facts: true }],
    ['facts a day and the jitter old', { securityInfoAt: at(30 * HOUR), factsAskedAt: at(30 * HOUR) }, { facts: true }],
    ['no facts a day old, before the jitter', { securityInfoAt: at(24 * HOUR), factsAskedAt: at(24 * HOUR) }, {}],
    ['no facts that were asked for lately', { securityInfoAt: null, factsAskedAt: at(HOUR) }, {}],
    ['no facts while the question waits', { securityInfoAt: null, factsAskedAt: at(DAY), isFactsAsked: true }, {}],
    ['an attestation that never came', { attestedAt: null, lastAskedAt: at(12 * HOUR) }, { attestation: agentKey }],
    [
      'an attestation a week and the jitter old',
      { attestedAt: at(7 * DAY + 6 * HOUR), lastAskedAt: at(7 * DAY) },
      { attestation: agentKey },
    ],
    ['no attestation that Apple would repeat', { attestedAt: at(7 * DAY), lastAskedAt: at(7 * DAY) }, {}],
    ['no attestation that was asked for lately', { attestedAt: null, lastAskedAt: at(12 * HOUR - 1) }, {}],
    ['no attestation without a key to ask about', { attestedAt: null, lastAskedAt: null, agentKey: null }, {}],
    ['a verdict that has run out', { trustedUntil: at(0) }, { appraisal: true }],
    ['no verdict on a Mac that is refused', { trustedUntil: null }, {}],
  ])('%s', (_name, change, expected) => {
    expect(chooseDue({ ...ages, ...change }, NOW)).toEqual({ ...nothing, ...expected })
  })

  test('comes between a week and a week and six hours for every Mac, and always at the same moment for the same Mac', () => {
    const dueAfter = (macId: string, ageMs: number): boolean =>
      chooseDue({ ...ages, macId, attestedAt: at(ageMs), lastAskedAt: at(ageMs) }, NOW).attestation !== undefined
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.integer({ min: 0, max: 6 * HOUR }), (macId, jitter) => {
        expect(dueAfter(macId, 7 * DAY)).toBe(false)
        expect(dueAfter(macId, 7 * DAY + 6 * HOUR + 1)).toBe(true)
        // Once due, due ever after.
        if (dueAfter(macId, 7 * DAY + jitter)) expect(dueAfter(macId, 7 * DAY + jitter + 1)).toBe(true)
      }),
    )
    const halfway = Array.from({ length: 1000 }, (_, i) => dueAfter(`mac_${i}`, 7 * DAY + 3 * HOUR)).filter(Boolean).length
    expect(halfway).toBeGreaterThan(400)
    expect(halfway).toBeLessThan(600)
  })
})

describe('one round', () => {
  let house: FleetHouse
  let count = 0
  let mac: FleetMac
  beforeAll(async () => {
    house = await startFleetHouse()
  })
  afterAll(() => house.close())
  beforeEach(async () => {
    mac = await enrollMac(house, `REFRESH${String(++count).padStart(5, '0')}`)
  })
  const verdict = (of: FleetMac) => house.store.verdict.findFirstOrThrow({ where: { macId: of.id }, orderBy: { sequence: 'desc' } })

  test('judges a verdict again that has run out', async () => {
    await mac.becomeTrusted()
    const ahead = ((await verdict(mac)).until?.getTime() ?? 0) - house.clock.now().getTime()
    house.clock.advance(ahead)
    await house.fleet.refresh()
    expect(await verdict(mac)).toMatchObject({ trust: 'refused' })
    expect((await verdict(mac)).reasons).toContain('ATTESTATION_STALE')
    house.clock.advance(-ahead)
  })

  test('asks for the same thing once, and wakes a sleeping Mac once', async () => {
    await mac.work()
    await new Promise((resolve) => setTimeout(resolve, 50))
    house.clock.advance(2 * DAY)
    for (let i = 0; i < 3; i++) await house.fleet.refresh()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const before = house.pushes.length
    for (let i = 0; i < 3; i++) await house.fleet.refresh()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(house.pushes.length).toBe(before)
    expect(await mac.work()).toEqual(['DeviceInformation', 'SecurityInfo'])
    house.clock.advance(-2 * DAY)
  })

  test('asks Apple again after a week, with a new nonce under the same key', async () => {
    await mac.becomeTrusted()
    house.clock.advance(8 * DAY)
    await house.fleet.refresh()
    expect(await mac.work()).toContain('DeviceInformation')
    expect(mac.nonces).toHaveLength(2)
    expect(mac.nonces[1]).not.toEqual(mac.nonces[0])
    await mac.answer()
    expect(await verdict(mac)).toMatchObject({ trust: 'trusted' })
    house.clock.advance(-8 * DAY)
  })

  test('leaves a revoked Mac alone', async () => {
    await mac.work()
    await house.store.mac.update({ where: { id: mac.id }, data: { revokedAt: house.clock.now() } })
    house.clock.advance(3 * DAY)
    await house.fleet.refresh()
    expect(await mac.work()).toEqual([])
    house.clock.advance(-3 * DAY)
  })

  test('a Mac for which it fails keeps no other waiting, and the failure is not hidden', async () => {
    const other = await enrollMac(house, 'REFRESHOTHER')
    await Promise.all([mac.becomeTrusted(), other.becomeTrusted()])
    const order = await house.store.acmeOrder.findFirstOrThrow({ where: { enrollmentId: mac.enrollmentId } })
    await house.store.acmeOrder.update({ where: { id: order.id }, data: { certificate: 'not a certificate' } })
    // Past the end of the evidence, and past the longest wait for the next security report.
    const ahead = ((await verdict(other)).until?.getTime() ?? 0) - house.clock.now().getTime() + 7 * 3600_000
    house.clock.advance(ahead)
    await expect(house.fleet.refresh()).rejects.toThrow('could not be refreshed')
    expect(await verdict(other)).toMatchObject({ trust: 'refused' })
    expect(await other.work()).toContain('SecurityInfo')
    house.clock.advance(-ahead)
    await house.store.acmeOrder.update({ where: { id: order.id }, data: { certificate: order.certificate } })
  })

  test('sends no ticket of its own accord: an agent that outwaits one says hello again', async () => {
    await mac.work()
    house.clock.advance(TICKET_LIFE_MS)
    await house.fleet.refresh()
    expect(await mac.work()).not.toContain('InstallProfile')
    await house.fleet.desk.identify({ serial: mac.serial, agentKey: mac.agentKey })
    expect(await mac.work()).toContain('InstallProfile')
    expect(await mac.prove()).toBe(true)
    house.clock.advance(-TICKET_LIFE_MS)
  })

  test('judges a trusted Mac again whose session ended while the database was away', async () => {
    await mac.becomeTrusted()
    await house.store.$executeRaw`ALTER TABLE "MacEvent" ADD CONSTRAINT "away" CHECK (type <> 'agent-disconnected') NOT VALID`
    await expect(house.fleet.desk.sessionClosed({ mac: mac.id, session: mac.session, reason: 'gone' })).rejects.toThrow()
    await house.store.$executeRaw`ALTER TABLE "MacEvent" DROP CONSTRAINT "away"`
    expect(await verdict(mac)).toMatchObject({ trust: 'trusted' })
    // Just after a start it might be on its way back.
    house.clock.advance(SILENCE_LIMIT_MS)
    await house.fleet.refresh()
    expect(await verdict(mac)).toMatchObject({ trust: 'refused', reasons: ['NO_SESSION'] })
    house.clock.advance(-SILENCE_LIMIT_MS)
  })
})
