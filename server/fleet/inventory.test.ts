import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MacId, newId } from '#protocol/ids'
import { inviteMac } from './inventory.ts'
import { type FleetHouse, PUBLIC_URL, startFleetHouse } from './testing/fleet-house.ts'
import { enrollMac, type FleetMac } from './testing/fleet-mac.ts'

let house: FleetHouse
beforeAll(async () => {
  house = await startFleetHouse()
})
afterAll(() => house.close())

const invite = (serial: string) => inviteMac(house, { serial, actor: 'user:usr_1' })
const revoke = (mac: FleetMac) => house.fleet.reader.revokeMac({ mac: mac.id, by: 'user:usr_1' })
const lastVerdict = (mac: FleetMac) => house.store.verdict.findFirst({ where: { macId: mac.id }, orderBy: { sequence: 'desc' } })

describe('an invitation', () => {
  test('enters a serial once, however it is typed', async () => {
    const first = await invite('c02abcd12345')
    const again = await invite('  C02ABCD12345\n')
    expect(again.mac).toBe(first.mac)
    expect(again.url).not.toBe(first.url)
    expect(await house.store.mac.findMany({ where: { serial: 'C02ABCD12345' } })).toHaveLength(1)
    const audits = await house.store.auditEvent.findMany({ where: { subject: first.mac } })
    expect(audits).toMatchObject([{ type: 'mac.invited', actor: 'user:usr_1' }, { type: 'mac.invited' }])
  })

  test('makes the unused link before it worthless', async () => {
    const links = [await invite('TWOLINKS01'), await invite('TWOLINKS01')]
    const fetched = await Promise.all(
      links.map(({ url }) =>
        house.mdm.handleEnroll({ method: 'GET', path: url.slice(PUBLIC_URL.length), headers: {}, body: new Uint8Array() }),
      ),
    )
    expect(fetched.map((reply) => reply.status)).toEqual([410, 200])
  })

  test.each([
    '',
    'SHORT12',
    'TOOLONGTOBEASERIAL',
    'C02 ABCD12345',
    "C02'; DROP--",
    'C02ABCDß1',
    'C02ABCDı12',
    '０２３４５６７８９',
    '../../etc',
    'C02\u0000ABCD12',
  ])('refuses %j, and enters nothing', async (serial) => {
    const before = await house.store.mac.count()
    await expect(invite(serial)).rejects.toMatchObject({ code: 'invalid_request', param: 'serial' })
    expect(await house.store.mac.count()).toBe(before)
  })

  test('takes 8 to 14 letters and digits and nothing else', async () => {
    const accepted = {
      store: house.store,
      clock: house.clock,
      mdm: { invite: async () => ({ enrollmentId: 'e', code: '', url: '', expiresAt: house.clock.now() }) },
    }
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1, maxLength: 16 }), async (serial) => {
        const isGood = /^[A-Za-z0-9]{8,14}$/.test(serial.trim())
        const outcome = await inviteMac(accepted, { serial, actor: 'system' }).then(
          () => true,
          () => false,
        )
        expect(outcome).toBe(isGood)
      }),
      { numRuns: 200 },
    )
  })

  test('is refused to a revoked Mac', async () => {
    const mac = await enrollMac(house, 'REVOKEDMAC01')
    await revoke(mac)
    await expect(invite('REVOKEDMAC01')).rejects.toMatchObject({ code: 'conflict' })
  })
})

describe('a revoked Mac', () => {
  test('loses session, key, MDM identity and trust at once', async () => {
    const mac = await enrollMac(house, 'REVOKEDMAC02')
    await mac.becomeTrusted()
    await revoke(mac)
    expect(house.told.filter((told) => told.mac === mac.id && told.what === 'disconnect').at(-1)).toMatchObject({
      reason: 'the Mac was revoked',
    })
    expect(await house.store.agentKey.count({ where: { macId: mac.id, revokedAt: null } })).toBe(0)
    expect((await mac.take()).status).toBe(410)
    expect(await lastVerdict(mac)).toMatchObject({ trust: 'refused' })
    expect((await lastVerdict(mac))?.reasons).toContain('MAC_REVOKED')
    expect(await house.fleet.desk.identify({ serial: mac.serial, agentKey: mac.agentKey })).toBeUndefined()
    expect(await house.store.auditEvent.count({ where: { subject: mac.id, type: 'mac.revoked' } })).toBe(1)
  })

  test('cannot come back by a link that was still open', async () => {
    const mac = await enrollMac(house, 'REVOKEDMAC03')
    const { url } = await invite('REVOKEDMAC03')
    await revoke(mac)
    const path = url.slice(PUBLIC_URL.length)
    expect((await house.mdm.handleEnroll({ method: 'GET', path, headers: {}, body: new Uint8Array() })).status).toBe(410)
    expect(await house.store.enrollment.count({ where: { macId: mac.id, state: { notIn: ['unenrolled', 'superseded'] } } })).toBe(0)
  })

  test('gets no identity even where an invitation slipped past the revocation', async () => {
    const mac = await enrollMac(house, 'REVOKEDMAC04')
    await revoke(mac)
    const { url } = await house.mdm.invite({ macId: mac.id, serial: mac.serial })
    const profile = await mac.mdm.fetchProfile(url.slice(`${PUBLIC_URL}/enroll/`.length))
    if (!('plist' in profile)) throw new Error(`profile: ${profile.status}`)
    await expect(mac.mdm.obtainIdentity(profile)).rejects.toThrow('MAC_REVOKED')
  })

  test('is revoked once, and a second time finishes what the first left undone', async () => {
    const mac = await enrollMac(house, 'REVOKEDMAC05')
    await house.store.mac.update({ where: { id: mac.id }, data: { revokedAt: house.clock.now() } })
    await revoke(mac)
    await revoke(mac)
    expect(await house.store.macEvent.count({ where: { macId: mac.id, type: 'revoked' } })).toBe(0)
    expect((await mac.take()).status).toBe(410)
    expect((await lastVerdict(mac))?.reasons).toContain('MAC_REVOKED')
  })

  test('must exist', async () => {
    await expect(house.fleet.reader.revokeMac({ mac: MacId.parse(newId('mac')), by: 'user:usr_1' })).rejects.toMatchObject({
      code: 'not_found',
    })
  })
})
