import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newId, type SessionId } from '#protocol/ids'
import { bindProof } from '#protocol/statements'
import { spkiOf } from '../../test/software-mac/apple/authority.ts'
import { p256 } from '../../test/support/trust-evidence.ts'
import { type FleetHouse, startFleetHouse } from './testing/fleet-house.ts'
import { enrollMac, type FleetMac } from './testing/fleet-mac.ts'
import { TICKET_LIFE_MS } from './tickets.ts'

let house: FleetHouse
let count = 0
const newSerial = (): string => `DESKMAC${String(++count).padStart(4, '0')}`

beforeAll(async () => {
  house = await startFleetHouse()
})
afterAll(() => house.close())

const boundKeys = (mac: FleetMac) => house.store.agentKey.findMany({ where: { macId: mac.id, revokedAt: null } })
const ticketOf = (mac: FleetMac) => house.store.ticket.findFirstOrThrow({ where: { macId: mac.id }, orderBy: { issuedAt: 'desc' } })
const identify = (mac: FleetMac, agentKey = mac.agentKey) => house.fleet.desk.identify({ serial: mac.serial, agentKey })
const verdicts = (mac: FleetMac) => house.store.verdict.findMany({ where: { macId: mac.id }, orderBy: { sequence: 'asc' } })

describe('a ticket', () => {
  let mac: FleetMac
  beforeEach(async () => {
    mac = await enrollMac(house, newSerial())
    await mac.work()
  })

  const refused = async (): Promise<void> => {
    expect(await boundKeys(mac)).toEqual([])
    expect(await ticketOf(mac)).toMatchObject({ usedAt: null })
  }

  test('proves the key, once, and its secret is forgotten', async () => {
    expect(await mac.prove()).toBe(true)
    expect(await boundKeys(mac)).toMatchObject([{ macId: mac.id, enrollmentId: mac.enrollmentId, ticketId: mac.tickets[0]?.id }])
    expect(await ticketOf(mac)).toMatchObject({ envelope: null, usedAt: house.clock.now() })
    expect(await mac.prove()).toBe(false)
    const audits = await house.store.auditEvent.findMany({ where: { subject: mac.id, type: 'agent-key.bound' } })
    expect(audits).toMatchObject([{ actor: `mac:${mac.id}`, detail: { ticket: mac.tickets[0]?.id } }])
  })

  test('is stored sealed: its secret stands in no row', async () => {
    const secret = Buffer.from(mac.tickets[0]?.secret ?? [])
    expect(secret.length).toBe(32)
    expect(Buffer.from((await ticketOf(mac)).envelope ?? []).includes(secret)).toBe(false)
  })

  test.each<[string, () => Parameters<FleetMac['prove']>[0]]>([
    ['another secret in the HMAC', () => ({ secret: new Uint8Array(32) })],
    ['another nonce than the HMAC’s', () => ({ nonce: new Uint8Array(32) })],
    ['another session than the HMAC’s', () => ({ session: newId<SessionId>('ses') })],
    ['another key than the HMAC’s', () => ({ agentKey: spkiOf(p256()) })],
  ])('refuses %s', async (_name, change) => {
    expect(await mac.prove(change())).toBe(false)
    await refused()
    expect(await mac.prove()).toBe(true)
  })

  test('refuses a ticket that is another Mac’s, though its secret is known', async () => {
    const other = await enrollMac(house, newSerial())
    await other.work()
    const { id, secret } = other.tickets[0] ?? { id: '', secret: new Uint8Array() }
    const proof = { mac: mac.id, ticketId: id, session: mac.session, nonce: new Uint8Array(32), agentKey: mac.agentKey }
    expect(await house.fleet.desk.proveTicket({ ...proof, hmac: bindProof({ ...proof, ticket: secret }) })).toBe(false)
    await refused()
    expect(await other.prove()).toBe(true)
  })

  test('refuses a ticket that does not exist', async () => {
    expect(await mac.prove({ ticketId: 'tkt_none' })).toBe(false)
    await refused()
  })

  test('refuses one that was never acknowledged as installed', async () => {
    await house.store.ticket.updateMany({ where: { macId: mac.id }, data: { deliveredAt: null } })
    expect(await mac.prove()).toBe(false)
    await refused()
  })

  test('refuses one that has expired, to the millisecond', async () => {
    house.clock.advance(TICKET_LIFE_MS)
    expect(await mac.prove()).toBe(false)
    await refused()
    house.clock.advance(-1)
    expect(await mac.prove()).toBe(true)
  })

  test('does not open when its envelope is another ticket’s', async () => {
    const other = await enrollMac(house, newSerial())
    await other.work()
    const { envelope } = await ticketOf(other)
    await house.store.ticket.updateMany({ where: { macId: mac.id }, data: { envelope } })
    await expect(mac.prove()).rejects.toThrow('made for another name')
    await refused()
  })

  test('of many provers at once exactly one wins', async () => {
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => mac.prove()))
    expect(outcomes.filter(Boolean)).toHaveLength(1)
    expect(await boundKeys(mac)).toHaveLength(1)
  })

  test('of two keys at once only one is bound', async () => {
    const mine = mac.prove()
    mac.agentKey = spkiOf(p256())
    expect([await mine, await mac.prove()].filter(Boolean)).toHaveLength(1)
    expect(await boundKeys(mac)).toHaveLength(1)
  })

  test('refuses a key that another Mac has held, and is not used up by it', async () => {
    const other = await enrollMac(house, newSerial())
    await other.work()
    await other.prove()
    mac.agentKey = other.agentKey
    expect(await mac.prove()).toBe(false)
    await refused()
    await house.store.agentKey.updateMany({ where: { macId: other.id }, data: { revokedAt: house.clock.now() } })
    expect(await mac.prove()).toBe(false)
    await refused()
    expect(await boundKeys(other)).toEqual([])
    mac.agentKey = spkiOf(p256())
    expect(await mac.prove()).toBe(true)
  })

  test('of two Macs that name one key at once only one has it', async () => {
    const other = await enrollMac(house, newSerial())
    await other.work()
    other.agentKey = mac.agentKey
    const outcomes = await Promise.all([mac.prove(), other.prove()])
    expect(outcomes.filter(Boolean)).toHaveLength(1)
    const [winner, loser] = outcomes[0] ? [mac, other] : [other, mac]
    expect(await boundKeys(winner)).toMatchObject([{ enrollmentId: winner.enrollmentId }])
    expect(await boundKeys(loser)).toEqual([])
  })

  test('is worthless once the Mac authenticates anew under the same enrollment', async () => {
    await mac.mdm.authenticate()
    await mac.mdm.tokenUpdate()
    expect(await mac.prove()).toBe(false)
    expect(await boundKeys(mac)).toEqual([])
    await mac.work()
    expect(mac.tickets).toHaveLength(2)
    expect(await mac.prove()).toBe(true)
  })

  test('is worthless before the listener of a new Authenticate was heard, too', async () => {
    await house.store.enrollment.update({ where: { id: mac.enrollmentId }, data: { state: 'authenticated' } })
    expect(await mac.prove()).toBe(false)
    await refused()
  })

  test('is worthless under an enrollment that another one has superseded', async () => {
    const again = await enrollMac(house, mac.serial)
    expect(again.id).toBe(mac.id)
    await again.work()
    await again.prove()
    const before = await boundKeys(mac)
    mac.agentKey = spkiOf(p256())
    expect(await mac.prove()).toBe(false)
    expect(await boundKeys(mac)).toEqual(before)
  })

  test('is worthless after CheckOut', async () => {
    await mac.mdm.checkin({ MessageType: 'CheckOut' })
    expect(await mac.prove()).toBe(false)
    expect(await boundKeys(mac)).toEqual([])
  })

  test('a new key displaces the one before', async () => {
    await mac.prove()
    const first = mac.agentKey
    mac.agentKey = spkiOf(p256())
    expect((await identify(mac))?.key).toEqual({ state: 'none' })
    await mac.work()
    expect((await identify(mac))?.key).toEqual({ state: 'ticket', ticketId: mac.tickets[1]?.id })
    expect(await mac.prove()).toBe(true)
    expect((await identify(mac))?.key).toEqual({ state: 'bound' })
    expect((await identify(mac, first))?.key.state).not.toBe('bound')
    expect(await boundKeys(mac)).toHaveLength(1)
  })
})

describe('an agent that says hello', () => {
  test('is nobody under a serial that is not in the inventory', async () => {
    expect(await house.fleet.desk.identify({ serial: 'NOSUCHMAC001', agentKey: spkiOf(p256()) })).toBeUndefined()
  })

  test('is nobody under the serial of a revoked Mac, though its key is bound', async () => {
    const mac = await enrollMac(house, newSerial())
    await mac.becomeTrusted()
    await house.store.mac.update({ where: { id: mac.id }, data: { revokedAt: house.clock.now() } })
    expect(await identify(mac)).toBeUndefined()
  })

  test('is not bound by the key of another Mac', async () => {
    const [mac, other] = [await enrollMac(house, newSerial()), await enrollMac(house, newSerial())]
    await other.becomeTrusted()
    expect((await identify(mac, other.agentKey))?.key).toEqual({ state: 'none' })
  })

  test.each(['authenticated', 'unenrolled', 'superseded'] as const)(
    'is not bound by a key that was proved under an enrollment which is now %s',
    async (state) => {
      const mac = await enrollMac(house, newSerial())
      await mac.becomeTrusted()
      expect((await identify(mac))?.key).toEqual({ state: 'bound' })
      await house.store.enrollment.update({ where: { id: mac.enrollmentId }, data: { state } })
      expect((await identify(mac))?.key).toEqual({ state: 'none' })
    },
  )

  test('is not bound by a key of the enrollment before, though nobody has revoked it', async () => {
    const mac = await enrollMac(house, newSerial())
    await mac.becomeTrusted()
    const again = await enrollMac(house, mac.serial)
    await house.store.agentKey.updateMany({ where: { macId: mac.id }, data: { revokedAt: null } })
    expect(again.enrollmentId).not.toBe(mac.enrollmentId)
    expect((await identify(mac))?.key.state).not.toBe('bound')
  })

  test('gets no ticket sent twice, however often it asks', async () => {
    const mac = await enrollMac(house, newSerial())
    await Promise.all(Array.from({ length: 4 }, () => identify(mac)))
    expect(await house.store.ticket.count({ where: { macId: mac.id } })).toBe(1)
    expect((await mac.work()).filter((type) => type === 'InstallProfile')).toHaveLength(1)
  })

  test('causes no ticket while the bound key answers for the Mac', async () => {
    const mac = await enrollMac(house, newSerial())
    await mac.becomeTrusted()
    await mac.work()
    expect((await identify(mac, spkiOf(p256())))?.key).toEqual({ state: 'none' })
    expect(await mac.work()).toEqual([])
  })
})

describe('Apple is asked about a key', () => {
  test('once, only after the key is proved, with SHA-256 of the stored preimage as the nonce', async () => {
    const mac = await enrollMac(house, newSerial())
    const nonces = () => house.store.attestationNonce.findMany({ where: { macId: mac.id } })
    await mac.work()
    await mac.answer()
    expect(await nonces()).toEqual([])
    expect(mac.nonces).toEqual([])
    await mac.prove()
    expect(await nonces()).toEqual([])
    await mac.answer()
    await mac.answer()
    const [stored, ...more] = await nonces()
    expect(more).toEqual([])
    await mac.work()
    const expected = createHash('sha256')
      .update(stored?.preimage ?? '')
      .digest()
    expect(Buffer.from(stored?.nonce ?? [])).toEqual(expected)
    expect(mac.nonces.map((nonce) => Buffer.from(nonce))).toEqual([expected])
    expect(Buffer.from(stored?.agentKey ?? [])).toEqual(Buffer.from(mac.agentKey))
    await mac.answer()
    expect(await nonces()).toHaveLength(1)
  })

  test('not for a session that signs with another key than the bound one', async () => {
    const mac = await enrollMac(house, newSerial())
    await mac.work()
    await mac.prove()
    mac.agentKey = spkiOf(p256())
    await mac.answer()
    expect(await house.store.attestationNonce.count({ where: { macId: mac.id } })).toBe(0)
  })

  test('again where the question was lost before it was queued', async () => {
    const mac = await enrollMac(house, newSerial())
    await mac.work()
    await mac.prove()
    await mac.answer()
    await house.store.mdmCommand.deleteMany({ where: { enrollmentId: mac.enrollmentId, dedupeKey: { startsWith: 'attestation:' } } })
    await mac.answer()
    await mac.work()
    expect(mac.nonces).toHaveLength(1)
  })
})

describe('a wrong signature under the bound key', () => {
  test('quarantines the Mac once: the first reason and moment stand', async () => {
    const mac = await enrollMac(house, newSerial())
    await mac.becomeTrusted()
    const at = house.clock.now()
    const loss = { mac: mac.id, session: mac.session, reason: 'CHALLENGE_BAD_SIG' as const }
    await house.fleet.desk.livenessLost(loss)
    house.clock.advance(1000)
    await house.fleet.desk.livenessLost(loss)
    expect(await house.store.mac.findUnique({ where: { id: mac.id } })).toMatchObject({ quarantinedAt: at })
    expect(await house.store.macEvent.count({ where: { macId: mac.id, type: 'quarantined' } })).toBe(1)
    expect(await house.store.auditEvent.count({ where: { subject: mac.id, type: 'mac.quarantined' } })).toBe(1)
    expect((await verdicts(mac)).at(-1)?.reasons).toContain('MAC_QUARANTINED')
  })

  test('missed challenges refuse the Mac without quarantine, and only the session that missed them', async () => {
    const mac = await enrollMac(house, newSerial())
    await mac.becomeTrusted()
    await house.fleet.desk.livenessLost({ mac: mac.id, session: newId<SessionId>('ses'), reason: 'CHALLENGE_MISSED' })
    expect((await verdicts(mac)).at(-1)?.trust).toBe('trusted')
    await house.fleet.desk.livenessLost({ mac: mac.id, session: mac.session, reason: 'CHALLENGE_MISSED' })
    expect((await verdicts(mac)).at(-1)?.reasons).toEqual(['CHALLENGE_MISSED'])
    expect(await house.store.mac.findUnique({ where: { id: mac.id } })).toMatchObject({ quarantinedAt: null })
  })
})
