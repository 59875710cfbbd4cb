import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { spkiOf } from '../../test/software-mac/apple/authority.ts'
import { p256 } from '../../test/support/trust-evidence.ts'
import { Policy } from '../attestation/policy.ts'
import { type FleetHouse, policy, startFleetHouse } from './testing/fleet-house.ts'
import { enrollMac, type FleetMac } from './testing/fleet-mac.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 3600_000

let house: FleetHouse
let inForce: Policy = policy
let serials = 0
beforeAll(async () => {
  house = await startFleetHouse({ policy: () => inForce, reattestation: { concurrency: 2, jitterMs: 0 } })
})
beforeEach(async () => {
  inForce = policy
  // Each test has the whole limit to itself.
  await house.store.reattestation.deleteMany({})
})
afterAll(() => house.close())

async function trustedMac(): Promise<FleetMac> {
  const mac = await enrollMac(house, `REATTEST${String(serials++).padStart(4, '0')}`)
  await mac.becomeTrusted()
  house.clock.advance(1000)
  return mac
}

const verdict = (mac: FleetMac) => house.store.verdict.findFirst({ where: { macId: mac.id }, orderBy: { sequence: 'desc' } })
const wish = (mac: FleetMac) => house.store.reattestation.findUnique({ where: { enrollmentId: mac.enrollmentId } })
const reattestations = (mac: FleetMac) => house.store.attestation.findMany({ where: { macId: mac.id, source: 'acme_reattestation' } })
const lastVerdictTold = (mac: FleetMac) => house.told.filter((told) => told.mac === mac.id && told.what === 'verdict').at(-1)

/** Asks for what is due, and lets the Mac answer. */
async function pumpAndWork(mac: FleetMac): Promise<string[]> {
  await house.fleet.pumpReattestations()
  return mac.work()
}

describe('a reconnect', () => {
  test('within a minute under the same key and boot session is trusted after one challenge, with nothing asked of Apple', async () => {
    const mac = await trustedMac()
    const before = await verdict(mac)
    await mac.disconnect()
    house.clock.advance(59_000)
    await mac.connect()
    expect(await verdict(mac)).toMatchObject({ trust: 'trusted', evidenceDigest: before?.evidenceDigest, until: before?.until })
    expect(await wish(mac)).toBeNull()
  })

  test('after more than a minute is trusted in its grace only, until Apple has attested the Mac anew', async () => {
    const mac = await trustedMac()
    const before = await verdict(mac)
    await mac.disconnect()
    house.clock.advance(59_001)
    const backAt = house.clock.now().getTime()
    await mac.connect()
    expect(await verdict(mac)).toMatchObject({ trust: 'trusted', until: new Date(backAt + 30 * MINUTE_MS) })
    expect(await wish(mac)).toMatchObject({ cause: 'grace', priority: 0, state: 'wanted' })
    expect(await pumpAndWork(mac)).toContain('InstallProfile')
    const [attested] = await reattestations(mac)
    expect(attested).toMatchObject({ bootSession: 'boot-1' })
    const after = await verdict(mac)
    expect(after?.trust).toBe('trusted')
    expect(after?.until?.getTime()).toBeGreaterThan(before?.until?.getTime() ?? 0)
    expect(await wish(mac)).toBeNull()
  })

  test('after more than a minute is refused at once where the policy gives no grace, and trusted again by Apple’s new word', async () => {
    const mac = await trustedMac()
    inForce = Policy.parse({ ...policy, bootGap: { mode: 'refuse' } })
    await mac.disconnect()
    house.clock.advance(59_001)
    await mac.connect()
    expect((await verdict(mac))?.reasons).toEqual(['BOOT_UNPROVEN'])
    expect(await wish(mac)).toMatchObject({ cause: 'boot', priority: 1 })
    await pumpAndWork(mac)
    expect((await verdict(mac))?.trust).toBe('trusted')
  })

  test('under the same boot session but another key begins a new period, too', async () => {
    const mac = await trustedMac()
    await mac.disconnect()
    house.clock.advance(1000)
    mac.agentKey = spkiOf(p256())
    await house.fleet.desk.identify({ serial: mac.serial, agentKey: mac.agentKey })
    await mac.work()
    expect(await mac.prove()).toBe(true)
    await mac.connect()
    expect((await verdict(mac))?.reasons).toEqual(expect.arrayContaining(['STALE_KEY_BINDING']))
    expect(await wish(mac)).toMatchObject({ cause: 'key' })
    await pumpAndWork(mac)
    expect((await verdict(mac))?.trust).toBe('trusted')
  })
})

test('a restart of the appliance of less than a minute costs nothing', async () => {
  const mac = await trustedMac()
  const before = await verdict(mac)
  mac.liveOn(5 * MINUTE_MS)
  await house.restart()
  expect((await verdict(mac))?.reasons).toEqual(['NO_SESSION'])
  house.clock.advance(59_000)
  await mac.connect()
  expect(await verdict(mac)).toMatchObject({ trust: 'trusted', until: before?.until })
  expect(await wish(mac)).toBeNull()
})

test('a restart of the appliance that takes longer leaves the boot state unproven', async () => {
  const mac = await trustedMac()
  await house.restart()
  house.clock.advance(61_000)
  await mac.connect()
  expect(await wish(mac)).toMatchObject({ cause: 'grace' })
  await pumpAndWork(mac)
})

test('a new boot session is unproven however short the silence was', async () => {
  const mac = await trustedMac()
  inForce = Policy.parse({ ...policy, bootGap: { mode: 'refuse' } })
  await mac.disconnect()
  house.clock.advance(20_000)
  await mac.connect({ bootSession: 'boot-2' })
  expect((await verdict(mac))?.reasons).toEqual(['BOOT_SESSION_CHANGED'])
  await pumpAndWork(mac)
  // The answer is of the new boot session.
  expect((await reattestations(mac)).map((row) => row.bootSession)).toEqual(['boot-2'])
  expect((await verdict(mac))?.trust).toBe('trusted')
})

test('one silence after another does not begin the grace anew', async () => {
  const mac = await trustedMac()
  mac.reattests = false
  for (let i = 0; i < 4; i++) {
    await mac.disconnect()
    house.clock.advance(10 * MINUTE_MS)
    await mac.connect()
  }
  expect((await verdict(mac))?.reasons).toContain('BOOT_UNPROVEN')
})

test('evidence is renewed before it grows too old, and trust does not lapse', async () => {
  const mac = await trustedMac()
  const lapses = async () => house.store.verdict.count({ where: { macId: mac.id, trust: 'refused' } })
  const before = await lapses()
  for (let hours = 0; hours < 48; hours++) {
    mac.liveOn(HOUR_MS)
    await mac.answer()
    await pumpAndWork(mac)
  }
  expect((await verdict(mac))?.trust).toBe('trusted')
  expect(await lapses()).toBe(before)
  const made = await reattestations(mac)
  expect(made.length).toBeGreaterThanOrEqual(2)
  expect(made.length).toBeLessThanOrEqual(4)
})

test('what Apple says against a Mac counts although ACME refuses it', async () => {
  const mac = await trustedMac()
  await mac.disconnect()
  house.clock.advance(2 * MINUTE_MS)
  mac.attested.sip = 1
  await mac.connect()
  await pumpAndWork(mac)
  expect(mac.acmeFaults).toHaveLength(1)
  expect((await verdict(mac))?.reasons).toContain('SIP_DISABLED')
})

describe('the limit', () => {
  test('holds over all Macs; those in their grace go first, and an answer makes room', async () => {
    const macs = [await trustedMac(), await trustedMac(), await trustedMac()]
    await house.store.reattestation.deleteMany({})
    const [aged, first, second] = macs as [FleetMac, FleetMac, FleetMac]
    await house.store.reattestation.create({
      data: {
        ...{ enrollmentId: aged.enrollmentId, macId: aged.id, cause: 'age', priority: 4, agentKey: Uint8Array.from(aged.agentKey) },
        ...{ dueAt: house.clock.now(), createdAt: house.clock.now() },
      },
    })
    for (const mac of [first, second]) {
      await mac.disconnect()
      house.clock.advance(61_000)
      await mac.connect()
    }
    await Promise.all([house.fleet.pumpReattestations(), house.fleet.pumpReattestations()])
    expect([await wish(first), await wish(second), await wish(aged)]).toMatchObject([
      { state: 'asked' },
      { state: 'asked' },
      { state: 'wanted' },
    ])
    await first.work()
    await house.fleet.pumpReattestations()
    expect([await wish(first), await wish(aged)]).toMatchObject([null, { state: 'asked' }])
    await second.work()
    await aged.work()
  })

  test('survives a restart; a question that nobody answered is put again later, and later still', async () => {
    const mac = await trustedMac()
    mac.reattests = false
    await mac.disconnect()
    house.clock.advance(61_000)
    await mac.connect()
    await house.fleet.pumpReattestations()
    await house.restart()
    expect(await wish(mac)).toMatchObject({ state: 'asked', attempts: 1 })
    house.clock.advance(10 * MINUTE_MS)
    await house.fleet.pumpReattestations()
    const waiting = await wish(mac)
    expect(waiting).toMatchObject({ state: 'wanted', attempts: 1 })
    const delay = (waiting?.dueAt.getTime() ?? 0) - house.clock.now().getTime()
    expect(delay).toBeGreaterThanOrEqual(MINUTE_MS)
    expect(delay).toBeLessThanOrEqual(2 * MINUTE_MS)
    house.clock.advance(2 * MINUTE_MS)
    await house.fleet.pumpReattestations()
    expect(await wish(mac)).toMatchObject({ state: 'asked', attempts: 2 })
  })

  test('is not held by a Mac that has left: its wish is dropped', async () => {
    const mac = await trustedMac()
    await mac.disconnect()
    house.clock.advance(61_000)
    await mac.connect()
    await mac.mdm.checkin({ MessageType: 'CheckOut', Topic: 'com.apple.mgmt.External.5e1f' })
    await house.fleet.pumpReattestations()
    expect(await wish(mac)).toBeNull()
  })
})

test('the session of a re-attested Mac hears of the longer trust', async () => {
  const mac = await trustedMac()
  await mac.disconnect()
  house.clock.advance(61_000)
  await mac.connect()
  await pumpAndWork(mac)
  expect(lastVerdictTold(mac)).toMatchObject({ verdict: { trust: 'trusted', until: (await verdict(mac))?.until } })
})
