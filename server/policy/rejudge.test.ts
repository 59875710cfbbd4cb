import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FleetHouse, startFleetHouse } from '../fleet/testing/fleet-house.ts'
import { enrollMac, type FleetMac } from '../fleet/testing/fleet-mac.ts'
import { createLog } from '../log.ts'
import { createUser } from '../store/users.ts'
import { createPolicies, type Policies } from './policies.ts'
import { createPolicyService, type PolicyService } from './policy-service.ts'

/** The real fleet under the real policy: what a change does to Macs that enrolled and were attested. */
let house: FleetHouse
let policies: Policies
let service: PolicyService
let macs: FleetMac[]
let owner: { id: string }
let security: { id: string }

beforeAll(async () => {
  house = await startFleetHouse({ policy: () => policies.current() })
  const log = createLog('error')
  policies = await createPolicies({ store: house.store, clock: house.clock, mode: 'evaluation', agentVersion: '0.1.0', log })
  const { store, clock, fleet } = house
  service = createPolicyService({ store, clock, mode: 'evaluation', log, policies, appraiser: fleet.appraiser })
  const person = (email: string, role: 'owner' | 'security') =>
    createUser(store, { email, name: email, role, passwordHash: null, createdAt: clock.now() })
  owner = await person('owner@example.com', 'owner')
  security = await person('security@example.com', 'security')
  macs = [await enrollMac(house, 'POLICYMAC001'), await enrollMac(house, 'POLICYMAC002', { attested: { osVersion: '26.1' } })]
  for (const mac of macs) await mac.becomeTrusted()
}, 60_000)
afterAll(async () => {
  policies.close()
  await service.close()
  await house.close()
})

async function measured(about: Parameters<PolicyService['desk']['startPreview']>[0], by: { id: string }) {
  const id = await service.desk.startPreview(about, by)
  return expect
    .poll(() => service.desk.getPreview(id), { timeout: 10_000 })
    .toMatchObject({ state: 'done' })
    .then(() => service.desk.getPreview(id))
}

async function change(part: object): Promise<number> {
  const { draft } = await service.desk.getPolicy()
  const preview = await measured({ draft: { ...draft, ...part }, moves: [] }, security)
  const version = await service.desk.propose({ preview: preview.id, reason: 'It was asked for.' }, security)
  const again = await measured({ version }, owner)
  await service.desk.approve({ version, preview: again.id, alone: false, reason: null }, owner)
  await expect
    .poll(async () => (await service.desk.getPolicy()).rejudge, { timeout: 10_000 })
    .toMatchObject({ policyVersion: version, finishedAt: expect.any(Date), failed: 0 })
  return version
}

const verdictOf = (mac: FleetMac) => house.store.verdict.findFirstOrThrow({ where: { macId: mac.id }, orderBy: { sequence: 'desc' } })

test('a stricter policy refuses the Macs that its preview named, in their own sessions too, and each verdict names the version', async () => {
  const [old, recent] = macs as [FleetMac, FleetMac]
  expect(await verdictOf(old)).toMatchObject({ trust: 'trusted', policyVersion: 1 })
  const { draft } = await service.desk.getPolicy()
  const { impact } = await measured({ draft: { ...draft, minimumOs: '26.0' }, moves: [] }, security)
  expect(impact).toMatchObject({ judged: 2, loses: 1, losing: [{ mac: old.id, reasons: ['OS_TOO_OLD'] }] })
  house.told.length = 0
  const version = await change({ minimumOs: '26.0' })
  expect(await verdictOf(old)).toMatchObject({ trust: 'refused', reasons: ['OS_TOO_OLD'], policyVersion: version })
  expect(await verdictOf(recent)).toMatchObject({ policyVersion: version })
  expect(house.told).toContainEqual({ what: 'verdict', mac: old.id, verdict: { trust: 'refused', reasons: ['OS_TOO_OLD'] } })
  const event = await house.store.macEvent.findFirstOrThrow({ where: { macId: old.id, type: 'verdict' }, orderBy: { sequence: 'desc' } })
  expect(event.detail).toMatchObject({ was: 'trusted', isUnderNewPolicy: true, policyVersion: version, because: { code: 'OS_TOO_OLD' } })
})

test('a waiver lets the one Mac in until its end, is shown beside it, and runs out by itself', async () => {
  const [old] = macs as [FleetMac, FleetMac]
  const until = new Date(house.clock.now().getTime() + 3600_000).toISOString()
  await change({ waivers: [{ code: 'OS_TOO_OLD', scope: { kind: 'mac', mac: old.id }, why: 'It renders until tomorrow.', until }] })
  expect(await verdictOf(old)).toMatchObject({ trust: 'trusted', waived: ['OS_TOO_OLD'], until: new Date(until) })
  const shown = await house.fleet.reader.getMac(old.id)
  expect(shown?.waivers).toMatchObject([{ code: 'OS_TOO_OLD', why: 'It renders until tomorrow.', isInUse: true }])
  expect((await house.fleet.reader.overview()).waivers).toMatchObject({ inForce: 1, macs: 1 })
  expect((await service.desk.getPolicy()).waivers).toMatchObject([{ macCount: 1, macs: [{ id: old.id }] }])
  house.clock.advance(3600_000)
  await old.answer()
  await house.fleet.appraiser.appraise(old.id)
  expect(await verdictOf(old)).toMatchObject({ trust: 'refused', reasons: ['OS_TOO_OLD'], waived: [] })
})

test('a Mac’s history gives every decision with the digest of its policy', async () => {
  const [old] = macs as [FleetMac, FleetMac]
  const { verdicts, next } = await house.fleet.reader.listVerdicts(old.id, { limit: 2 })
  expect(verdicts).toHaveLength(2)
  expect(verdicts[0]).toMatchObject({ trust: 'refused', policyDigest: policies.digest() })
  const rest = await house.fleet.reader.listVerdicts(old.id, { before: next ?? undefined, limit: 100 })
  expect(rest.verdicts.length).toBeGreaterThan(0)
  expect(rest.verdicts.every(({ policyDigest }) => policyDigest !== null)).toBe(true)
})

test('after a start, what was left of the fleet is judged', async () => {
  const [old] = macs as [FleetMac, FleetMac]
  const newest = await verdictOf(old)
  await house.store.verdict.update({ where: { id: newest.id }, data: { policyVersion: 1 } })
  service.begin()
  await expect.poll(async () => (await verdictOf(old)).policyVersion, { timeout: 10_000 }).toBe(policies.current().version)
})
