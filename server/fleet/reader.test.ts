import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MacId, newId } from '#protocol/ids'
import type { SessionView } from './ports.ts'
import { type FleetHouse, startFleetHouse } from './testing/fleet-house.ts'
import { enrollMac } from './testing/fleet-mac.ts'
import { MacDetail, MacListQuery } from './views.ts'

let house: FleetHouse
const MACS = 400
const id = (n: number): MacId => MacId.parse(`mac_${String(n).padStart(20, '0')}`)
const minutesAgo = (n: number): Date => new Date(house.clock.now().getTime() - n * 60_000)

beforeAll(async () => {
  house = await startFleetHouse()
  const macs = Array.from({ length: MACS }, (_, n) => n)
  await house.store.mac.createMany({
    data: macs.map((n) => ({
      ...{ id: id(n), serial: `LISTMAC${String(n).padStart(5, '0')}`, name: n % 10 === 0 ? null : `Name ${n % 7}`, model: 'Mac16,1' },
      ...{ addedAt: minutesAgo(n), revokedAt: n % 100 === 99 ? minutesAgo(1) : null },
    })),
  })
  const verdict = (n: number, trust: string) => ({
    ...{ id: newId('ver'), macId: id(n), trust, reasons: trust === 'trusted' ? [] : ['SIP_DISABLED'], policyVersion: 1, checks: [] },
    ...{ decidedAt: minutesAgo(0), evidenceAt: n % 3 === 0 ? minutesAgo(n) : null },
  })
  // Every Mac below 300 was refused once; those below 200 are trusted by now.
  await house.store.verdict.createMany({ data: macs.filter((n) => n < 300).map((n) => verdict(n, 'refused')) })
  await house.store.verdict.createMany({ data: macs.filter((n) => n < 200).map((n) => verdict(n, 'trusted')) })
})
afterAll(() => house.close())

const list = (query: Partial<MacListQuery> = {}) => house.fleet.reader.listMacs(MacListQuery.parse(query))
const session = (mac: MacId): SessionView =>
  ({
    ...{
      mac,
      session: 'ses_0000000000000000',
      openedAt: house.clock.now(),
      agentVersion: '0.1.0',
      codeHash: null,
      thermal: 'nominal',
      isRoutable: true,
    },
    ...{ trust: 'trusted', reasons: [], isLive: true, isDraining: false, available: true, slots: 3, active: 1, keyConfig: undefined },
    ...{
      evidenceDigest: undefined,
      models: [
        { name: 'demo', state: 'ready' },
        { name: 'big', state: 'loading' },
      ],
    },
  }) as unknown as SessionView

describe('the list of Macs', () => {
  test('counts every state by the newest verdict, revocation first', async () => {
    const { counts, total } = await list()
    expect(total).toBe(MACS)
    expect(counts).toEqual({ trusted: 198, refused: 99, pending: 99, revoked: 4 })
  })

  test.each(['trusted', 'refused', 'pending', 'revoked'] as const)(
    'shows those that are %s, and counts the others all the same',
    async (trust) => {
      const { rows, total, counts } = await list({ trust, pageSize: 200 })
      expect(total).toBe(counts[trust])
      expect(rows).toHaveLength(total)
      expect(new Set(rows.map((row) => row.trust))).toEqual(new Set([trust]))
      expect(Object.values(counts).reduce((a, b) => a + b)).toBe(MACS)
    },
  )

  test.each(['name', 'trust', 'lastSeenAt', 'evidenceAt', 'addedAt'] as const)(
    'by %s, page after page, shows every Mac once, in either direction',
    async (sort) => {
      for (const direction of ['asc', 'desc'] as const) {
        const pages = await Promise.all([1, 2, 3, 4, 5, 6].map((page) => list({ sort, direction, page, pageSize: 77 })))
        expect(pages.map((page) => page.rows.length)).toEqual([77, 77, 77, 77, 77, 15])
        expect(new Set(pages.flatMap((page) => page.rows.map((row) => row.id))).size).toBe(MACS)
      }
    },
  )

  test('sorts by time with what has none at the end, in both directions', async () => {
    const ages = async (direction: 'asc' | 'desc') =>
      (await list({ sort: 'evidenceAt', direction, pageSize: 200 })).rows.map((row) => row.evidenceAt?.getTime())
    const ascending = (await ages('asc')).filter((at) => at !== undefined)
    expect(ascending).toHaveLength(100)
    expect(ascending).toEqual(ascending.toSorted((a, b) => a - b))
    expect((await ages('desc')).slice(0, 100)).toEqual(ascending.toReversed())
  })

  test('sorts a Mac without a name by its serial number', async () => {
    const { rows } = await list({ sort: 'name', pageSize: 40 })
    expect(rows.map((row) => row.serial)).toEqual(rows.map((row) => row.serial).toSorted())
    expect(rows.every((row) => row.name === null)).toBe(true)
  })

  test('past the end is empty, and still says how many there are', async () => {
    expect(await list({ page: 100_000 })).toMatchObject({ rows: [], total: MACS })
  })

  test('finds by name, serial, id and model, without regard to case', async () => {
    expect((await list({ search: 'listmac00042' })).rows.map((row) => row.id)).toEqual([id(42)])
    expect((await list({ search: id(17) })).total).toBe(1)
    expect((await list({ search: 'name 3' })).total).toBe((await list({ search: 'NAME 3' })).total)
    expect((await list({ search: 'mac16,1' })).total).toBe(MACS)
  })

  test.each(['%', '_', 'LISTMAC_0042', 'LIST%42', '\\', "'", '"; DROP TABLE "Mac"; --'])(
    'takes %j as it is written, not as a pattern',
    async (search) => {
      expect((await list({ search })).total).toBe(search === '_' ? MACS : 0)
    },
  )

  test('finds a name that holds what a pattern would', async () => {
    await house.store.mac.update({ where: { id: id(1) }, data: { name: '100%_\\mine' } })
    for (const search of ['100%', '%_', '_\\m', '\\']) expect((await list({ search })).rows.map((row) => row.id)).toEqual([id(1)])
  })

  test('joins the sessions of this moment, and filters by them', async () => {
    house.shown.push(session(id(5)))
    const connected = await list({ connection: 'connected' })
    expect(connected.rows).toMatchObject([{ id: id(5), isConnected: true, isRoutable: true, models: ['demo'], slots: 3, active: 1 }])
    expect((await list({ connection: 'offline' })).total).toBe(MACS - 1)
    expect(await house.fleet.reader.overview()).toMatchObject({
      ...{ connected: 1, routable: 1, slots: 3, active: 1, models: [{ name: 'demo', macs: 1, slots: 3, active: 1 }] },
      macs: { trusted: 198 },
    })
    house.shown.length = 0
  })
})

describe('one Mac', () => {
  test('is shown with its verdict, every check, its enrollment and its key, as the console’s schema wants it', async () => {
    const mac = await enrollMac(house, 'DETAILMAC01')
    await mac.becomeTrusted()
    const detail = MacDetail.parse(await house.fleet.reader.getMac(mac.id))
    expect(detail).toMatchObject({ serial: 'DETAILMAC01', trust: 'trusted', enrollment: { state: 'enrolled' }, revokedAt: null })
    expect(detail.verdict?.checks.length).toBeGreaterThan(20)
    expect(detail.agentKey?.sha256).toMatch(/^[0-9a-f]{64}$/)
    await mac.mdm.checkin({ MessageType: 'CheckOut' })
    expect(MacDetail.parse(await house.fleet.reader.getMac(mac.id))).toMatchObject({
      trust: 'refused',
      agentKey: null,
      enrollment: { state: 'unenrolled' },
    })
  })

  test('that does not exist is nothing', async () => {
    expect(await house.fleet.reader.getMac(MacId.parse(newId('mac')))).toBeUndefined()
  })

  test('has a timeline, newest first, in pages that neither skip nor repeat, though all of it happened in one millisecond', async () => {
    const data = Array.from({ length: 25 }, (_, n) => ({
      id: newId('evt'),
      macId: id(7),
      at: minutesAgo(0),
      type: 'enrolled',
      detail: { n },
    }))
    for (const row of data) await house.store.macEvent.create({ data: row })
    const seen: unknown[] = []
    let before: string | undefined
    do {
      const page = await house.fleet.reader.listEvents(id(7), { before, limit: 10 })
      seen.push(...page.events.map((event) => event.detail.n))
      before = page.next ?? undefined
    } while (before !== undefined)
    expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => 24 - n))
    expect((await house.fleet.reader.recentEvents(3)).length).toBe(3)
  })

  test.each(['', 'abc', '-1', '1e3', '9'.repeat(19)])('refuses %j as a place in the timeline', async (before) => {
    await expect(house.fleet.reader.listEvents(id(7), { before, limit: 10 })).rejects.toMatchObject({ code: 'invalid_request' })
  })

  test.each(['', 'xyz', '00', 'ab'.repeat(32)])('finds no evidence under %j', async (digest) => {
    expect(await house.fleet.reader.getEvidence(digest)).toBeUndefined()
  })
})

test('the last hour has sixty minutes, with what happened in each', async () => {
  const request = { apiKeyId: 'key_1', model: 'demo', stream: true, promptTokens: 5, completionTokens: 7 }
  const at = minutesAgo(30)
  await house.store.inferenceRequest.createMany({
    data: [
      { ...request, id: 'r1', openedAt: at, firstContentAt: new Date(at.getTime() + 200), settledAt: at, outcome: 'completed' },
      { ...request, id: 'r2', openedAt: at, settledAt: at, outcome: 'interrupted' },
      { ...request, id: 'r3', openedAt: at },
      { ...request, id: 'r4', openedAt: minutesAgo(61), settledAt: minutesAgo(61), outcome: 'completed' },
    ],
  })
  const { lastHour } = await house.fleet.reader.overview()
  expect(lastHour).toMatchObject({ total: 3, completed: 1, failed: 1, cancelled: 0, promptTokens: 15, medianFirstContentMs: 200 })
  expect(lastHour.minutes).toHaveLength(60)
  expect(lastHour.minutes.filter((minute) => minute.completed + minute.failed > 0)).toEqual([{ at, completed: 1, failed: 1 }])
})
