import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DAY_MS, HOUR_MS, NOW } from '../../test/support/trust-evidence.ts'
import { type PolicyHouse, startPolicyHouse } from './testing/policy-house.ts'

let house: PolicyHouse
let owner: { id: string }
let security: { id: string }
beforeAll(async () => {
  house = await startPolicyHouse()
  owner = await house.person('owner')
  security = await house.person('security')
})
afterAll(() => house.close())

const LOWER = { requireFileVault: false }
const RAISE = { requireFileVault: true }
const auditOf = async (version: number) =>
  (await house.store.auditEvent.findMany({ where: { subject: String(version) }, orderBy: { id: 'asc' } })).map(({ type, actor }) => ({
    type,
    actor,
  }))
const stateOf = async (version: number) => (await house.desk.getVersion(version, owner)).state

describe('a change that lowers trust', () => {
  test('is not approved by its proposer, and is by another; every step is audited', async () => {
    const version = await house.propose(LOWER, security)
    await expect(house.approve(version, security)).rejects.toMatchObject({
      code: 'forbidden',
      publicText: expect.stringContaining('another person'),
    })
    await expect(house.approve(version, security, { alone: true })).rejects.toMatchObject({ code: 'forbidden' })
    expect(house.policies.current().requireFileVault).toBe(true)
    expect(await house.approve(version, owner)).toEqual({ state: 'in force', notBefore: null })
    expect(house.policies.current()).toMatchObject({ version, requireFileVault: false })
    const types = await auditOf(version)
    expect(types).toEqual(
      expect.arrayContaining([
        { type: 'policy.proposed', actor: `user:${security.id}` },
        { type: 'policy.approved', actor: `user:${owner.id}` },
        { type: 'policy.in-force', actor: `user:${owner.id}` },
      ]),
    )
    expect(await stateOf(1)).toBe('superseded')
  })

  test('back to strict goes in force by one person', async () => {
    const version = await house.propose(RAISE, security)
    expect(await house.approve(version, security)).toMatchObject({ state: 'in force' })
    expect(house.policies.current()).toMatchObject({ version, requireFileVault: true })
  })

  test('is not approved by someone whose account was disabled or whose role was taken away since', async () => {
    const version = await house.propose(LOWER, security)
    const leaver = await house.person('it_admin')
    const { id: preview } = await house.preview({ version }, leaver)
    await house.store.user.update({ where: { id: leaver.id }, data: { disabledAt: NOW } })
    const approval = { version, preview, alone: false, reason: null }
    await expect(house.desk.approve(approval, leaver)).rejects.toMatchObject({ code: 'forbidden' })
    await house.store.user.update({ where: { id: leaver.id }, data: { disabledAt: null, role: 'viewer' } })
    await expect(house.desk.approve(approval, leaver)).rejects.toMatchObject({ code: 'forbidden' })
    await house.desk.withdraw({ version, reason: null }, security)
  })

  test('is not approved once its proposer has been disabled', async () => {
    const leaver = await house.person('security')
    const version = await house.propose(LOWER, leaver)
    await house.store.user.update({ where: { id: leaver.id }, data: { disabledAt: NOW } })
    await expect(house.approve(version, owner)).rejects.toMatchObject({ publicText: expect.stringContaining('Propose it again') })
    await house.desk.reject({ version, reason: 'Its proposer has left.' }, owner)
  })
})

describe('a decision', () => {
  test('needs a finished preview of that very proposal, not older than half an hour', async () => {
    const version = await house.propose(LOWER, security)
    const other = await house.propose({ allowRdma: true }, security)
    const preview = await house.preview({ version: other }, owner)
    const approve = (id: string) => house.desk.approve({ version, preview: id, alone: false, reason: null }, owner)
    await expect(approve(preview.id)).rejects.toMatchObject({ code: 'conflict', publicText: expect.stringContaining('another proposal') })
    await expect(approve('pre_00000000000000000000')).rejects.toMatchObject({ code: 'conflict' })
    const own = await house.preview({ version }, owner)
    house.clock.advance(HOUR_MS)
    await expect(approve(own.id)).rejects.toMatchObject({ publicText: expect.stringContaining('half an hour') })
    expect(await house.approve(version, owner)).toMatchObject({ state: 'in force' })
    expect(await stateOf(other)).toBe('expired')
  })

  test('is made once', async () => {
    const version = await house.propose(RAISE, security)
    await house.desk.reject({ version, reason: 'Not now.' }, owner)
    await expect(house.desk.reject({ version, reason: 'Not now.' }, owner)).rejects.toMatchObject({ code: 'conflict' })
    await expect(house.desk.withdraw({ version, reason: null }, security)).rejects.toMatchObject({ code: 'conflict' })
    expect(await house.desk.getVersion(version, owner)).toMatchObject({
      state: 'rejected',
      decisionReason: 'Not now.',
      decidedBy: { name: 'A owner' },
    })
  })

  test('to withdraw is the proposer’s alone', async () => {
    const version = await house.propose(RAISE, security)
    await expect(house.desk.withdraw({ version, reason: null }, owner)).rejects.toMatchObject({ code: 'forbidden' })
    await house.desk.withdraw({ version, reason: null }, security)
    expect(await stateOf(version)).toBe('withdrawn')
  })

  test('on a base that is in force no more is refused: of two proposals one wins, even at the same moment', async () => {
    const [one, two] = [await house.propose({ minimumOs: '15.0' }, security), await house.propose({ minimumOs: '15.1' }, security)]
    const previews = [await house.preview({ version: one }, owner), await house.preview({ version: two }, owner)]
    const approve = (version: number, index: number) =>
      house.desk.approve({ version, preview: previews[index]?.id ?? '', alone: false, reason: null }, owner)
    const outcomes = await Promise.allSettled([approve(one, 0), approve(two, 1)])
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await house.store.policyVersion.count({ where: { state: 'in_force' } })).toBe(1)
  })

  test('to propose on a preview whose base was replaced is refused', async () => {
    const preview = await house.preview({ change: { minimumOs: '15.2' } }, security)
    await house.approve(await house.propose({ minimumOs: '15.3' }, security), owner)
    await expect(house.desk.propose({ preview: preview.id, reason: 'x' }, security)).rejects.toMatchObject({ code: 'conflict' })
  })
})

describe('a proposal', () => {
  test('that changes nothing is refused', async () => {
    await expect(house.propose({}, security)).rejects.toMatchObject({ code: 'invalid_request' })
  })

  test('lapses after fourteen days', async () => {
    const version = await house.propose({ minimumOs: '15.4' }, security)
    house.clock.advance(14 * DAY_MS - 1)
    await house.service.settle()
    expect(await stateOf(version)).toBe('proposed')
    house.clock.advance(1)
    await expect(house.approve(version, owner)).rejects.toMatchObject({ code: 'conflict', publicText: expect.stringContaining('lapsed') })
    await house.service.settle()
    expect(await stateOf(version)).toBe('expired')
  })
})

describe('waivers', () => {
  const until = (days: number) => new Date(house.clock.now().getTime() + days * DAY_MS).toISOString()
  const ask = (days: number) => ({
    code: 'REMOTE_DESKTOP_ON' as const,
    scope: { kind: 'all' as const },
    why: 'The help desk needs it.',
    until: until(days),
  })

  test('are granted by two people, name both, and last 90 days at most', async () => {
    await expect(house.propose({ waivers: [ask(91)] }, security)).rejects.toMatchObject({ publicText: 'A waiver lasts 90 days at most.' })
    await expect(house.propose({ waivers: [ask(-1)] }, security)).rejects.toMatchObject({ publicText: 'A waiver ends in the future.' })
    const version = await house.propose({ waivers: [ask(30)] }, security)
    await expect(house.approve(version, security)).rejects.toMatchObject({ code: 'forbidden' })
    await house.approve(version, owner)
    expect((await house.desk.getPolicy()).waivers).toMatchObject([
      { state: 'in force', version, proposedBy: { id: security.id }, approvedBy: { id: owner.id }, why: 'The help desk needs it.' },
    ])
  })

  test('that stand can only end earlier, which one person may do', async () => {
    const [standing] = (await house.desk.getPolicy()).draft.waivers
    if (standing === undefined) throw new Error('no waiver stands')
    const changed = [
      { ...standing, until: until(60) },
      { ...standing, code: 'FDE_OFF' as const },
      { ...standing, why: 'another' },
      { ...standing, id: 'wvr_zzzzzzzzzzzzzzzzzzzz' },
    ]
    for (const waiver of changed)
      await expect(house.propose({ waivers: [waiver] }, security)).rejects.toMatchObject({ code: 'invalid_request' })
    const version = await house.propose({ waivers: [{ ...standing, until: until(2) }] }, security)
    expect(await house.approve(version, security)).toMatchObject({ state: 'in force' })
    expect((await house.desk.getPolicy()).waivers[0]).toMatchObject({ approvedBy: { id: owner.id } })
  })

  test('that have run out are left behind without a word', async () => {
    house.clock.advance(3 * DAY_MS)
    expect((await house.desk.getPolicy()).waivers).toMatchObject([{ state: 'ended' }])
    const version = await house.propose({ minimumOs: '15.5' }, security)
    expect((await house.desk.getVersion(version, owner)).changes).toHaveLength(1)
    await house.approve(version, owner)
    expect(house.policies.current().waivers).toEqual([])
  })
})

describe('pools', () => {
  const pools = [{ name: 'vault', rules: { minimumOs: '26.0' } }]

  test('into a strict one one person moves Macs, out of it two do; the Mac’s timeline tells', async () => {
    const mac = await house.mac()
    const into = await house.propose({ pools }, security, [{ mac, pool: 'vault' }])
    expect(await house.approve(into, security)).toMatchObject({ state: 'in force' })
    expect(await house.store.mac.findUnique({ where: { id: mac } })).toMatchObject({ pool: 'vault' })
    const out = await house.propose({}, security, [{ mac, pool: null }])
    await expect(house.approve(out, security)).rejects.toMatchObject({ code: 'forbidden' })
    await house.approve(out, owner)
    expect(await house.store.mac.findUnique({ where: { id: mac } })).toMatchObject({ pool: null })
    expect(await house.store.macEvent.findMany({ where: { macId: mac }, orderBy: { sequence: 'asc' } })).toMatchObject([
      { type: 'pool-changed', detail: { from: null, to: 'vault' } },
      { type: 'pool-changed', detail: { from: 'vault', to: null } },
    ])
  })

  test('that are gone leave their Macs in none, which two people decide where it lowers', async () => {
    const mac = await house.mac({}, { pool: 'vault' })
    const version = await house.propose({ pools: [] }, security)
    await expect(house.approve(version, security)).rejects.toMatchObject({ code: 'forbidden' })
    await house.approve(version, owner)
    expect(await house.store.mac.findUnique({ where: { id: mac } })).toMatchObject({ pool: null })
  })

  test('that do not exist, and Macs that do not, are refused', async () => {
    const mac = await house.mac()
    await expect(house.propose({}, security, [{ mac, pool: 'nowhere' }])).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(house.propose({}, security, [{ mac: 'mac_zzzzzzzzzzzzzzzzzzzz', pool: null }])).rejects.toMatchObject({
      code: 'invalid_request',
    })
  })

  test('a move that came to lower meanwhile needs the second person after all', async () => {
    const mac = await house.mac()
    await house.approve(await house.propose({ pools: [...pools, { name: 'lab', rules: {} }] }, security), security)
    const version = await house.propose({}, security, [{ mac, pool: 'lab' }])
    await house.store.mac.update({ where: { id: mac }, data: { pool: 'vault' } })
    await expect(house.approve(version, security)).rejects.toMatchObject({ code: 'forbidden' })
    await house.desk.withdraw({ version, reason: null }, security)
  })
})
