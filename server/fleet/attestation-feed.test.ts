import { afterAll, beforeAll, expect, test } from 'vitest'
import { readFleetAttestation } from './attestation-feed.ts'
import { inviteMac } from './inventory.ts'
import { type FleetHouse, policy, startFleetHouse } from './testing/fleet-house.ts'
import { enrollMac, type FleetMac } from './testing/fleet-mac.ts'

let house: FleetHouse
let mac: FleetMac
let inForce = policy
beforeAll(async () => {
  house = await startFleetHouse()
  mac = await enrollMac(house, 'FEEDMAC0001')
  await mac.becomeTrusted()
})
afterAll(() => house.close())

const read = (mayReadEvidence = false) => readFleetAttestation({ ...house, policy: () => inForce }, { mayReadEvidence })
const standing = async (mayReadEvidence = false) => (await read(mayReadEvidence)).macs.find((one) => one.mac === mac.id)

test('a trusted Mac stands with the digest of its evidence, its age and how its key is bound', async () => {
  house.clock.advance(90_500)
  expect(await standing()).toEqual({
    ...{ mac: mac.id, trust: 'trusted', reasons: [], evidenceAge: 90, keyBinding: 'ticket', waivers: [] },
    evidenceDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
  })
})

test('Apple’s chains are shown to those who may read evidence, and to nobody else', async () => {
  const shown = await standing(true)
  expect(shown?.chains?.acme).toHaveLength(2)
  expect(shown?.chains?.deviceInformation).toHaveLength(2)
  const leaf = Buffer.from(shown?.chains?.deviceInformation?.[0] ?? '', 'base64')
  expect(leaf.includes(mac.serial)).toBe(true)
  const text = JSON.stringify(await read())
  expect(text).not.toContain('chains')
  for (const secret of [mac.serial, mac.udid, leaf.toString('base64')]) expect(text).not.toContain(secret)
})

test('the chain shown is the one that the verdict’s digest names, though a newer answer has come since', async () => {
  const before = await standing(true)
  const row = await house.store.attestation.findFirstOrThrow({ where: { macId: mac.id, source: 'device_information' } })
  const newer = { ...row, id: 'att_newer', chain: row.chain.map(() => Uint8Array.of(1)), receivedAt: house.clock.now() }
  await house.store.attestation.create({ data: newer })
  expect((await standing(true))?.chains).toEqual(before?.chains)
  await house.store.attestation.delete({ where: { id: newer.id } })
})

test('of a Mac whose evidence the verdict does not name, no chain is shown', async () => {
  const row = await house.store.attestation.findFirstOrThrow({ where: { macId: mac.id, source: 'device_information' } })
  await house.store.attestation.update({ where: { id: row.id }, data: { chain: row.chain.slice(0, 1) } })
  expect((await standing(true))?.chains).toBeUndefined()
  await house.store.attestation.update({ where: { id: row.id }, data: { chain: row.chain } })
})

test('a Mac that was only invited is refused as not enrolled', async () => {
  const { mac: invited } = await inviteMac(house, { serial: 'FEEDMAC0002', actor: 'system' })
  expect((await read(true)).macs.find((one) => one.mac === invited)).toMatchObject({ trust: 'refused', reasons: ['NOT_ENROLLED'] })
})

test('a verdict that has run out is stale, though nobody has judged again', async () => {
  const verdict = await house.store.verdict.findFirstOrThrow({ where: { macId: mac.id, trust: 'trusted' } })
  const ahead = (verdict.until?.getTime() ?? 0) - house.clock.now().getTime()
  house.clock.advance(ahead - 1)
  expect(await standing()).toMatchObject({ trust: 'trusted' })
  house.clock.advance(1)
  expect(await standing()).toMatchObject({ trust: 'refused', reasons: ['ATTESTATION_STALE'] })
  house.clock.advance(-ahead)
})

test('a trusted verdict without an end is worth nothing', async () => {
  const { id, until } = await house.store.verdict.findFirstOrThrow({ where: { macId: mac.id }, orderBy: { sequence: 'desc' } })
  await house.store.verdict.update({ where: { id }, data: { until: null } })
  expect(await standing()).toMatchObject({ trust: 'refused', reasons: ['ATTESTATION_STALE'] })
  await house.store.verdict.update({ where: { id }, data: { until } })
})

test('a revocation counts before any verdict says so', async () => {
  await house.store.mac.update({ where: { id: mac.id }, data: { revokedAt: house.clock.now() } })
  expect(await standing()).toMatchObject({ trust: 'refused', reasons: ['MAC_REVOKED'] })
})

test('names what only a waiver keeps from counting, until it ends', async () => {
  const until = new Date(house.clock.now().getTime() + 3600_000).toISOString()
  const waiver = {
    id: 'wvr_00000000000000000000',
    code: 'FDE_OFF' as const,
    scope: { kind: 'all' as const },
    why: 'lab',
    from: '2026-01-01T00:00:00Z',
    until,
  }
  inForce = { ...policy, waivers: [waiver] }
  expect((await standing())?.waivers).toEqual([])
  const newest = await house.store.verdict.findFirstOrThrow({ where: { macId: mac.id }, orderBy: { sequence: 'desc' } })
  await house.store.verdict.update({ where: { id: newest.id }, data: { waived: ['FDE_OFF'] } })
  expect((await standing())?.waivers).toEqual([{ id: waiver.id, code: 'FDE_OFF', why: 'lab', until }])
  inForce = policy
  expect((await standing())?.waivers).toEqual([])
})
