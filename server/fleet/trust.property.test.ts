import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { spkiOf } from '../../test/software-mac/apple/authority.ts'
import { p256 } from '../../test/support/trust-evidence.ts'
import { HARD_MAX_EVIDENCE_AGE_MS } from '../attestation/policy.ts'
import type { SessionVerdict } from './ports.ts'
import { type FleetHouse, policy, startFleetHouse, TOPIC } from './testing/fleet-house.ts'
import { enrollMac, type FleetMac } from './testing/fleet-mac.ts'

/**
 * From any sequence of events no Mac is told `trusted` without live evidence, unexpired, unrevoked, bound. The fleet, the MDM library
 * and the database are the real ones; what must hold is read back from rows and from what the test itself did, never from a verdict.
 */
const MINUTE_MS = 60_000
const HOUR_MS = 3600_000
const SEQUENCES = 36
const MAX_EVENTS = 14

type World = { mac: FleetMac; boot: number; isOpen: boolean; hasAnswered: boolean; isLost: boolean }

const EVENTS = {
  work: async ({ mac }) => void (await mac.work()),
  'prove the ticket': async ({ mac }) => void (mac.tickets.length > 0 && (await mac.prove())),
  'say hello': async ({ mac }) => void (await house.fleet.desk.identify({ serial: mac.serial, agentKey: mac.agentKey })),
  connect: async (world) => {
    if (!(await isBoundNow(world.mac))) return
    Object.assign(world, { isOpen: true, hasAnswered: true, isLost: false })
    await world.mac.connect({ bootSession: `boot-${world.boot}` })
  },
  answer: async (world) => {
    if (!world.isOpen || !(await isBoundNow(world.mac))) return
    Object.assign(world, { hasAnswered: true, isLost: false })
    await world.mac.answer({ bootSession: `boot-${world.boot}` })
  },
  'live on for a minute': async (world) => liveOn(world, MINUTE_MS),
  'live on for five hours': async (world) => liveOn(world, 5 * HOUR_MS),
  'fall silent for two minutes': async () => house.clock.advance(2 * MINUTE_MS),
  'stay away for nine hours': async (world) => {
    await close(world)
    house.clock.advance(9 * HOUR_MS)
  },
  restart: async (world) => {
    await close(world)
    world.boot++
    house.clock.advance(30_000)
  },
  disconnect: (world) => close(world),
  'miss two challenges': async (world) => lose(world, 'CHALLENGE_MISSED'),
  'sign wrongly': async (world) => lose(world, 'CHALLENGE_BAD_SIG'),
  'make a new key': async (world) => {
    await close(world)
    world.mac.agentKey = spkiOf(p256())
  },
  'turn SIP off': async ({ mac }) => void Object.assign(mac.attested, { sip: 1 }),
  'turn SIP on': async ({ mac }) => void delete mac.attested.sip,
  refresh: () => house.fleet.refresh(),
  'ask Apple again': async () => void (await house.fleet.pumpReattestations()),
  'restart the appliance': async (world) => {
    Object.assign(world, { isOpen: false, hasAnswered: false })
    await house.restart()
  },
  release: async ({ mac }) =>
    house.fleet.reader.releaseMac({ mac: mac.id, note: 'by the property test', by: 'user:usr_1' }).catch(() => undefined),
  'check out': async ({ mac }) => void (await mac.mdm.checkin({ MessageType: 'CheckOut', Topic: TOPIC })),
  revoke: ({ mac }) => house.fleet.reader.revokeMac({ mac: mac.id, by: 'user:usr_1' }),
} satisfies Record<string, (world: World) => Promise<void> | void>
type EventName = keyof typeof EVENTS

let house: FleetHouse
let serials = 0
let wasTrusted = 0
beforeAll(async () => {
  house = await startFleetHouse({ reattestation: { concurrency: 100, jitterMs: 0 } })
})
afterAll(() => house.close())

async function close(world: World): Promise<void> {
  if (world.isOpen) await world.mac.disconnect()
  Object.assign(world, { isOpen: false, hasAnswered: false })
}

function liveOn(world: World, ms: number): void {
  if (world.isOpen) world.mac.liveOn(ms)
  else house.clock.advance(ms)
}

async function lose(world: World, reason: 'CHALLENGE_MISSED' | 'CHALLENGE_BAD_SIG'): Promise<void> {
  if (!world.isOpen) return
  world.isLost = true
  await house.fleet.desk.livenessLost({ mac: world.mac.id, session: world.mac.session, reason })
}

const boundKeyOf = (mac: FleetMac) => house.store.agentKey.findFirst({ where: { macId: mac.id, revokedAt: null } })
const isBoundNow = async (mac: FleetMac) => Buffer.from((await boundKeyOf(mac))?.spki ?? []).equals(Buffer.from(mac.agentKey))

/** What its session holds to be true now: the last verdict told, unless it was cut off or the verdict has run out. */
function standing(mac: FleetMac): Extract<SessionVerdict, { trust: 'trusted' }> | undefined {
  const told = house.told.filter((one) => one.what === 'restart' || one.mac === mac.id)
  const last = told.filter((one) => one.what !== 'ticket' && one.what !== 'key').at(-1)
  if (last?.what !== 'verdict' || last.verdict.trust !== 'trusted') return undefined
  return last.verdict.until > house.clock.now() ? last.verdict : undefined
}

async function check(world: World): Promise<void> {
  const { mac } = world
  const trusted = standing(mac)
  if (trusted === undefined) return
  wasTrusted++
  const now = house.clock.now().getTime()
  const row = await house.store.mac.findUniqueOrThrow({ where: { id: mac.id } })
  expect(row, 'unrevoked, and not in quarantine').toMatchObject({ revokedAt: null, quarantinedAt: null })
  const enrollment = await house.store.enrollment.findFirstOrThrow({ where: { macId: mac.id, state: 'enrolled' } })
  const key = await boundKeyOf(mac)
  expect(key, 'bound').toMatchObject({ enrollmentId: enrollment.id, spki: Uint8Array.from(trusted.agentKey) })
  expect(world, 'live').toMatchObject({ isOpen: true, hasAnswered: true, isLost: false })
  const nonces = await house.store.attestationNonce.findMany({ where: { macId: mac.id, agentKey: key?.spki as never } })
  const newest = Math.max(...nonces.map((nonce) => nonce.issuedAt.getTime()))
  const maxAgeMs = Math.min(policy.maxEvidenceAgeMs, HARD_MAX_EVIDENCE_AGE_MS)
  expect(trusted.until.getTime(), 'unexpired').toBeLessThanOrEqual(newest + maxAgeMs)
  const answers = await house.store.attestation.count({ where: { enrollmentId: enrollment.id, source: { not: 'acme' } } })
  expect(answers, 'evidence').toBeGreaterThan(0)
  expect(now).toBeLessThan(trusted.until.getTime())
}

async function runSequence(events: readonly EventName[]): Promise<void> {
  const mac = await enrollMac(house, `PROPERTY${String(serials++).padStart(4, '0')}`)
  const world: World = { mac, boot: 1, isOpen: false, hasAnswered: false, isLost: false }
  for (const name of events) {
    await EVENTS[name](world)
    await check(world)
  }
}

/** So that the greater part of the sequences get as far as trust before anything goes wrong. */
const BEGINNING: EventName[] = ['work', 'prove the ticket', 'connect', 'work']
const names = Object.keys(EVENTS) as EventName[]
const sequence = fc
  .tuple(fc.constantFrom(0, 2, 4, 4, 4), fc.array(fc.constantFrom(...names), { minLength: 3, maxLength: MAX_EVENTS }))
  .map(([beginning, rest]) => [...BEGINNING.slice(0, beginning), ...rest])

test('no sequence of events makes a Mac trusted without live evidence, unexpired, unrevoked, bound', { timeout: 240_000 }, async () => {
  const seed = Number(process.env.ESPALIER_TEST_SEED ?? Date.now() % 2 ** 31)
  process.stdout.write(`trust property: seed ${seed}, ${SEQUENCES} sequences\n`)
  await fc.assert(fc.asyncProperty(sequence, runSequence), { seed, numRuns: SEQUENCES, endOnFailure: true })
  expect(wasTrusted, 'the sequences say nothing if none was ever trusted').toBeGreaterThan(SEQUENCES)
})
