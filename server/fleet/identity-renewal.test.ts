import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { dataAt } from '../../mdm/plist/value.ts'
import { type Identity, readSignedProfile } from '../../mdm/testing/test-mac.ts'
import { createAlerts } from '../alerts/alerts.ts'
import type { RenewalRow } from '../store/identity-renewals.ts'
import { chooseRenewalStep, renewIdentities } from './identity-renewal.ts'
import { type FleetHouse, startFleetHouse } from './testing/fleet-house.ts'
import { enrollMac, type FleetMac } from './testing/fleet-mac.ts'

const DAY_MS = 24 * 3600_000
const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest())

describe('when a Mac is asked', () => {
  const notBefore = new Date('2026-01-01T00:00:00Z')
  const onDay = (days: number) => new Date(notBefore.getTime() + days * DAY_MS)
  const row = (changes: Partial<RenewalRow> = {}): RenewalRow => ({
    ...{ enrollmentId: 'E', macId: 'mac_1', notBefore, notAfter: onDay(180), attempts: 0, askedAt: null, givenUpAt: null },
    ...changes,
  })

  test('not before two thirds of its identity’s life, and at most three days later', () => {
    expect(chooseRenewalStep(row(), onDay(119.9))).toBe('wait')
    expect(chooseRenewalStep(row(), onDay(123))).toBe('ask')
  })

  test('not all at one moment: each Mac has its own share of three days', () => {
    const due = Array.from({ length: 60 }, (_, index) => row({ macId: `mac_${index}` })).filter(
      (one) => chooseRenewalStep(one, onDay(121.5)) === 'ask',
    )
    expect(due.length).toBeGreaterThan(15)
    expect(due.length).toBeLessThan(45)
  })

  test.each([
    [1, 1],
    [2, 2],
    [3, 4],
    [4, 8],
    [5, 16],
  ])('after %i attempts the next waits %i days', (attempts, days) => {
    const asked = row({ attempts, askedAt: onDay(125) })
    expect(chooseRenewalStep(asked, onDay(125 + days - 0.01))).toBe('wait')
    expect(chooseRenewalStep(asked, onDay(125 + days))).toBe('ask')
  })

  test('six times, and not for ever; all of them long before the identity expires', () => {
    expect(chooseRenewalStep(row({ attempts: 6, askedAt: onDay(154) }), onDay(169.9))).toBe('wait')
    expect(chooseRenewalStep(row({ attempts: 6, askedAt: onDay(154) }), onDay(170))).toBe('give-up')
    expect(chooseRenewalStep(row({ attempts: 6, askedAt: onDay(154), givenUpAt: onDay(170) }), onDay(179))).toBe('given-up')
  })
})

describe('the hourly round', () => {
  let house: FleetHouse
  let mac: FleetMac
  beforeEach(async () => {
    house = await startFleetHouse()
    mac = await enrollMac(house, 'C02RENEW001')
    await mac.work()
  })
  afterEach(async () => house.close())

  const alerts = () => createAlerts(house)
  const round = () => renewIdentities({ ...house, mdm: () => house.mdm, alerts: alerts(), log: { warn: () => undefined } as never })
  const attempts = async () => (await house.store.enrollment.findUniqueOrThrow({ where: { id: mac.enrollmentId } })).renewalAttempts
  const identityInUse = async () => (await house.store.enrollment.findUniqueOrThrow({ where: { id: mac.enrollmentId } })).identitySha256
  const eventTypes = async () =>
    (await house.store.macEvent.findMany({ where: { macId: mac.id }, orderBy: { sequence: 'asc' } })).map(({ type }) => type)
  const obtain = async (): Promise<Identity> => {
    const command = await mac.take()
    expect(command.requestType).toBe('InstallProfile')
    const renewed = await mac.mdm.obtain(readSignedProfile(dataAt(command.command ?? new Map(), 'Payload') ?? new Uint8Array()))
    await mac.mdm.connect({ Status: 'Acknowledged', CommandUUID: command.uuid })
    return renewed
  }

  test('leaves a young identity alone', async () => {
    house.clock.advance(100 * DAY_MS)
    await round()
    expect(await attempts()).toBe(0)
  })

  test('renews an identity past two thirds of its life: once an attempt, promoted by use', async () => {
    house.clock.advance(124 * DAY_MS)
    await round()
    await round()
    expect(await attempts()).toBe(1)
    const before = await identityInUse()
    const renewed = await obtain()
    expect(await identityInUse()).toEqual(before)
    mac.mdm.use(renewed)
    await mac.mdm.idle()
    expect(new Uint8Array((await identityInUse()) ?? [])).toEqual(sha256(renewed.certificate))
    expect(await attempts()).toBe(0)
    expect(await eventTypes()).toEqual(expect.arrayContaining(['identity-renewal-requested', 'identity-renewed']))
    await round()
    expect(await attempts()).toBe(0)
  })

  test('the evidence of the channel is that of the identity in use, before and after', async () => {
    await mac.becomeTrusted()
    const told = () => house.told.filter(({ what }) => what === 'verdict').at(-1)
    expect(told()).toMatchObject({ verdict: { trust: 'trusted' } })
    house.clock.advance(60_000)
    await house.mdm.renewIdentity(mac.enrollmentId)
    const renewed = await obtain()
    await mac.answer()
    expect(told()).toMatchObject({ verdict: { trust: 'trusted' } })
    mac.mdm.use(renewed)
    await mac.mdm.idle()
    expect(told()).toMatchObject({ verdict: { trust: 'trusted' } })
  })

  test('gives up in the end, says so once, and goes on when an administrator asks', async () => {
    house.clock.advance(124 * DAY_MS)
    for (let day = 0; day < 50; day++) {
      await round()
      house.clock.advance(DAY_MS)
    }
    expect(await attempts()).toBe(6)
    const asked = (await eventTypes()).filter((type) => type.startsWith('identity-renewal'))
    expect(asked).toEqual([...Array(6).fill('identity-renewal-requested'), 'identity-renewal-given-up'])
    const open = await alerts().list({ open: true })
    expect(open.rows).toMatchObject([{ kind: 'identity-renewal', subject: mac.id, severity: 'critical' }])
    await house.fleet.reader.renewIdentity(mac.id, 'user:usr_admin')
    expect(await attempts()).toBe(1)
    const audited = await house.store.auditEvent.findMany({ where: { type: 'identity.renewal-requested' } })
    expect(audited).toMatchObject([{ subject: mac.id, actor: 'user:usr_admin' }])
    const renewed = await obtain()
    mac.mdm.use(renewed)
    await mac.mdm.idle()
    await round()
    expect((await alerts().list({ open: true })).rows).toEqual([])
  })

  test('asks no more than fifty Macs at a time', async () => {
    const { id, macId, ...template } = await house.store.enrollment.findUniqueOrThrow({ where: { id: mac.enrollmentId } })
    for (let index = 0; index < 55; index++) {
      const own = { id: `E${index}`, macId: `mac_${String(index).padStart(16, '0')}`, identitySha256: sha256(Buffer.from(`${index}`)) }
      await house.store.mac.create({ data: { id: own.macId, serial: `C02MANY${index}`, addedAt: house.clock.now() } })
      await house.store.enrollment.create({ data: { ...template, ...own, linkHash: own.identitySha256 } })
      const notAfter = new Date(house.clock.now().getTime() + DAY_MS)
      const dates = { notBefore: new Date(notAfter.getTime() - 180 * DAY_MS), notAfter, issuedAt: notAfter }
      await house.store.mdmIdentity.create({ data: { sha256: own.identitySha256, enrollmentId: own.id, kind: 'acme', ...dates } })
    }
    const asked = () => house.store.enrollment.count({ where: { renewalAttempts: 1 } })
    await round()
    expect(await asked()).toBe(50)
    await round()
    expect(await asked()).toBe(55)
  })
})
