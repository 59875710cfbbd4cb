import { afterAll, beforeAll, expect, test } from 'vitest'
import { DAY_MS } from '../../test/support/trust-evidence.ts'
import type { Policy } from '../attestation/policy.ts'
import { type FleetHouse, policy, startFleetHouse } from './testing/fleet-house.ts'
import { enrollMac, type FleetMac } from './testing/fleet-mac.ts'

let house: FleetHouse
let inForce: Policy = policy

beforeAll(async () => {
  house = await startFleetHouse({ policy: () => inForce })
})
afterAll(() => house.close())

const verdicts = (mac: FleetMac) => house.store.verdict.findMany({ where: { macId: mac.id }, orderBy: { sequence: 'asc' } })
const rowsOf = async (mac: FleetMac) => ({
  verdicts: await house.store.verdict.count({ where: { macId: mac.id } }),
  events: await house.store.macEvent.count({ where: { macId: mac.id, type: 'verdict' } }),
  audits: await house.store.auditEvent.count({ where: { subject: mac.id, type: 'verdict.changed' } }),
})

async function trustedMac(serial: string): Promise<FleetMac> {
  const mac = await enrollMac(house, serial)
  await mac.becomeTrusted()
  return mac
}

test('a verdict is appended only when it changes, each with its event and its audit entry', async () => {
  const mac = await trustedMac('APPRAISEM001')
  const before = await rowsOf(mac)
  expect(before.events).toBe(before.verdicts)
  expect(before.audits).toBe(before.verdicts)
  for (let i = 0; i < 3; i++) {
    house.clock.advance(1000)
    await mac.answer()
  }
  expect(await rowsOf(mac)).toEqual(before)
  await mac.answer({ rdmaEnabled: true })
  expect(await rowsOf(mac)).toEqual({ verdicts: before.verdicts + 1, events: before.events + 1, audits: before.audits + 1 })
  expect((await verdicts(mac)).at(-1)?.reasons).toEqual(['RDMA_ENABLED'])
})

test('a verdict, its event and its audit entry are written together or not at all; trust is told of once it is written, a refusal at once', async () => {
  const mac = await trustedMac('APPRAISEM002')
  const before = await rowsOf(mac)
  const told = house.told.length
  // The audit entry is the last of the three.
  await house.store.$executeRaw`ALTER TABLE "AuditEvent" ADD CONSTRAINT "no_more" CHECK (type <> 'verdict.changed') NOT VALID`
  await expect(mac.answer({ rdmaEnabled: true })).rejects.toThrow()
  await house.store.$executeRaw`ALTER TABLE "AuditEvent" DROP CONSTRAINT "no_more"`
  expect(await rowsOf(mac)).toEqual(before)
  expect(house.told.slice(told)).toEqual([{ what: 'verdict', mac: mac.id, verdict: { trust: 'refused', reasons: ['RDMA_ENABLED'] } }])
  await mac.answer({ rdmaEnabled: true })
  expect((await rowsOf(mac)).verdicts).toBe(before.verdicts + 1)
  const refused = house.told.length
  await house.store.$executeRaw`ALTER TABLE "AuditEvent" ADD CONSTRAINT "no_more" CHECK (type <> 'verdict.changed') NOT VALID`
  await expect(mac.answer()).rejects.toThrow()
  await house.store.$executeRaw`ALTER TABLE "AuditEvent" DROP CONSTRAINT "no_more"`
  expect(house.told).toHaveLength(refused)
})

test('verdicts of one Mac are made one after another, so that the last word is the last state', async () => {
  const mac = await trustedMac('APPRAISEM003')
  const before = (await verdicts(mac)).length
  await Promise.all(Array.from({ length: 8 }, () => mac.answer({ rdmaEnabled: true })))
  expect((await verdicts(mac)).slice(before)).toMatchObject([{ reasons: ['RDMA_ENABLED'] }])
  await Promise.all(Array.from({ length: 12 }, (_, i) => mac.answer({ rdmaEnabled: i % 2 === 0 })))
  expect((await verdicts(mac)).slice(before + 1)).toMatchObject([{ trust: 'trusted' }])
  const lastTold = house.told.filter((told) => told.mac === mac.id).at(-1)
  expect(lastTold).toMatchObject({ what: 'verdict', verdict: { trust: 'trusted' } })
})

test('another policy is another verdict, though it decides the same', async () => {
  const mac = await trustedMac('APPRAISEM004')
  const before = (await verdicts(mac)).length
  inForce = { ...policy, version: 2 }
  await mac.answer()
  expect((await verdicts(mac)).slice(before)).toMatchObject([{ trust: 'trusted', policyVersion: 2 }])
  inForce = policy
})

test('evidence keeps its digest while nothing but liveness changes', async () => {
  const mac = await trustedMac('APPRAISEM005')
  const [first] = (await verdicts(mac)).slice(-1)
  await house.fleet.desk.sessionClosed({ mac: mac.id, session: mac.session, reason: 'asleep' })
  const [offline] = (await verdicts(mac)).slice(-1)
  expect(offline).toMatchObject({ trust: 'refused', reasons: ['NO_SESSION'], evidenceDigest: first?.evidenceDigest })
  await mac.answer()
  expect((await verdicts(mac)).at(-1)).toMatchObject({ trust: 'trusted', evidenceDigest: first?.evidenceDigest, until: first?.until })
})

test('trust ends at the moment that the verdict named, not one later', async () => {
  const mac = await trustedMac('APPRAISEM006')
  const until = (await verdicts(mac)).at(-1)?.until?.getTime() ?? 0
  const ahead = until - house.clock.now().getTime()
  expect(ahead).toBe(DAY_MS)
  mac.liveOn(ahead - 1)
  await mac.answer()
  expect((await verdicts(mac)).at(-1)?.trust).toBe('trusted')
  house.clock.advance(1)
  await mac.answer()
  expect((await verdicts(mac)).at(-1)?.reasons).toEqual(expect.arrayContaining(['ATTESTATION_STALE']))
  house.clock.advance(-ahead)
})

test('after a start the Macs that the last run trusted are refused until they answer', async () => {
  const mac = await trustedMac('APPRAISEM007')
  await house.fleet.desk.livenessLost({ mac: mac.id, session: mac.session, reason: 'CHALLENGE_MISSED' })
  await mac.answer()
  await house.restart()
  expect((await verdicts(mac)).at(-1)?.reasons).toEqual(['NO_SESSION'])
})
