import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createAdeClient } from '../../mdm/ade/client.ts'
import { type AdeService, startAdeService } from '../../test/software-mac/apple/ade/service.ts'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { AppError } from '../errors.ts'
import { createSecretBox } from '../secrets.ts'
import { listMovingMacs } from '../store/inventory.ts'
import { admitMachine } from './admit.ts'
import { createAppleBusiness } from './create-apple-business.ts'
import type { AppleBusinessDeps } from './deps.ts'
import { syncAppleBusiness } from './sync.ts'
import { rewrapAppleBusinessLinks } from './tokens.ts'
import { appleBusinessWatchers } from './watch.ts'

/** Apple Business linked for real: the software Apple's service over HTTP, PostgreSQL, a token file encrypted to our key. */
let now: Date
let ade: AdeService
let database: TestDatabase
let deps: AppleBusinessDeps
beforeEach(async () => {
  now = new Date('2026-11-21T12:00:00Z')
  ade = await startAdeService({ now: () => now })
  database = await testDatabase()
  let words = 0
  const clock = { now: () => now }
  deps = {
    store: database.store,
    secrets: createSecretBox('a secret of at least thirty-two characters'),
    clock,
    organization: 'Example',
    publicUrl: 'https://espalier.example',
    trustAnchors: async () => [],
    connect: async (token) => createAdeClient({ url: ade.url, token, clock, nonce: () => `n${++words}`, userAgent: 'test' }),
  }
})
afterEach(async () => {
  await ade.close()
  await database.drop()
})

const BY = 'user:usr_1' as const

async function linked() {
  const business = createAppleBusiness(deps)
  const { link, certificatePem } = await business.createLink(BY)
  await business.installToken({ link, file: ade.control.tokenFile(certificatePem), by: BY })
  return { business, link, certificatePem }
}

test('a rotated secret takes key and token along: the link reads on, and its next token can be opened', async () => {
  const { link, certificatePem } = await linked()
  const [before, after] = ['a secret of at least thirty-two characters', 'another secret of thirty-two characters']
  await rewrapAppleBusinessLinks({ store: database.store, secrets: createSecretBox(after, [before]) })
  deps = { ...deps, secrets: createSecretBox(after) }
  await syncAppleBusiness(deps)
  expect(await state()).toMatchObject({ state: 'current', fault: null })
  const business = createAppleBusiness(deps)
  await expect(business.installToken({ link, file: ade.control.tokenFile(certificatePem), by: BY })).resolves.toBeDefined()
})

const state = async () => (await createAppleBusiness(deps).listLinks())[0]
const serials = async () =>
  (await database.store.appleBusinessDevice.findMany({ where: { removedAt: null } })).map((row) => row.serial).sort()

test('a link is made, proved with Apple, and its Macs stand in the inventory with the profile', async () => {
  ade.control.addDevice({ serial_number: 'C02AAAAAAAA1', model: 'MacBook Pro' })
  ade.control.addDevice({ serial_number: 'C02AAAAAAAA2' })
  ade.control.addDevice({ serial_number: 'DNPPHONE0001', device_family: 'iPhone', os: 'iOS' })
  const { link, business } = await linked()
  expect(await state()).toMatchObject({
    state: 'current',
    fault: null,
    devices: 2,
    assigned: 2,
    failed: 0,
    server: { name: 'Espalier', organization: 'Evaluation', isTokenExpired: false },
  })
  expect(await database.store.mac.findMany({ select: { serial: true }, orderBy: { serial: 'asc' } })).toEqual([
    { serial: 'C02AAAAAAAA1' },
    { serial: 'C02AAAAAAAA2' },
  ])
  expect(ade.control.activate('C02AAAAAAAA1')).toMatchObject({
    url: 'https://espalier.example/enroll/automated',
    is_supervised: true,
    is_mandatory: true,
    is_mdm_removable: false,
    await_device_configured: true,
  })
  const page = await business.listDevices(link, { after: undefined, limit: 1 })
  expect([page.devices.map(({ serial }) => serial), page.next]).toEqual([['C02AAAAAAAA1'], 'C02AAAAAAAA1'])
})

test('the token and its key are sealed: no row of the database holds a part of them', async () => {
  await linked()
  const rows = JSON.stringify(await database.store.appleBusinessLink.findMany(), (_, value) =>
    value?.type === 'Buffer' || value instanceof Uint8Array ? Buffer.from(value.data ?? value).toString('latin1') : value,
  )
  const token = ade.control.token()
  for (const secret of [token.access_secret, token.consumer_secret, token.access_token, 'PRIVATE KEY']) expect(rows).not.toContain(secret)
})

test('the company’s own authority goes to Setup Assistant, and a new one reaches every Mac', async () => {
  ade.control.addDevice({ serial_number: 'C02AAAAAAAA1' })
  deps.trustAnchors = async () => [Uint8Array.of(1, 2, 3)]
  await linked()
  expect(ade.control.activate('C02AAAAAAAA1')).toMatchObject({ anchor_certs: ['AQID'] })
  deps.trustAnchors = async () => [Uint8Array.of(1, 2, 3), Uint8Array.of(4)]
  now = new Date(now.getTime() + 2 * 3600_000)
  await syncAppleBusiness(deps)
  expect(ade.control.activate('C02AAAAAAAA1')).toMatchObject({ anchor_certs: ['AQID', 'BA=='] })
  deps.trustAnchors = async () => []
  now = new Date(now.getTime() + 2 * 3600_000)
  await syncAppleBusiness(deps)
  expect(ade.control.activate('C02AAAAAAAA1')).not.toHaveProperty('anchor_certs')
})

test('a Mac that Apple moves here from another server is known with its deadline, until it has enrolled', async () => {
  ade.control.addDevice({ serial_number: 'C02AAAAAAAA1', mdm_migration_deadline: '2026-12-01T17:00:00Z' })
  ade.control.addDevice({ serial_number: 'C02AAAAAAAA2', mdm_migration_deadline: '2026-11-30T17:00:00Z' })
  ade.control.addDevice({ serial_number: 'C02AAAAAAAA3' })
  await linked()
  const moving = async () => (await listMovingMacs(database.store, 1)).total
  expect(await listMovingMacs(database.store, 10)).toMatchObject({
    macs: [{ serial: 'C02AAAAAAAA2', deadline: new Date('2026-11-30T17:00:00Z'), profileStatus: 'assigned' }, { serial: 'C02AAAAAAAA1' }],
    total: 2,
  })
  const { id } = await database.store.mac.findUniqueOrThrow({ where: { serial: 'C02AAAAAAAA2' } })
  const times = { linkExpiresAt: now, createdAt: now, enrolledAt: now }
  const enrollment = { id: 'E-1', macId: id, state: 'enrolled', linkHash: new Uint8Array(32), accessRights: 1, ...times } as const
  await database.store.enrollment.create({ data: enrollment })
  expect(await moving()).toBe(1)
  ade.control.modifyDevice('C02AAAAAAAA1', { mdm_migration_deadline: undefined as never })
  await syncAppleBusiness(deps)
  expect(await moving()).toBe(0)
})

test('changes at Apple’s are followed: a new Mac comes, another goes', async () => {
  ade.control.addDevice({ serial_number: 'C02AAAAAAAA1' })
  await linked()
  ade.control.removeDevice('C02AAAAAAAA1')
  ade.control.addDevice({ serial_number: 'C02AAAAAAAA2' })
  await syncAppleBusiness(deps)
  expect(await serials()).toEqual(['C02AAAAAAAA2'])
  expect(ade.control.activate('C02AAAAAAAA2')).toBeDefined()
})

test('after an expired cursor the list is read from the beginning, and what is no longer on it is dropped', async () => {
  ade.control.addDevice({ serial_number: 'C02AAAAAAAA1' })
  ade.control.addDevice({ serial_number: 'C02AAAAAAAA2' })
  await linked()
  ade.control.removeDevice('C02AAAAAAAA1')
  ade.control.expireCursors()
  now = new Date(now.getTime() + 8 * 24 * 3600_000)
  await syncAppleBusiness(deps)
  expect(await serials()).toEqual(['C02AAAAAAAA2'])
  expect((await state())?.fault).toBeNull()
})

test('more Macs than a page are read and assigned, and a second round changes nothing', { timeout: 60_000 }, async () => {
  for (let index = 0; index < 1100; index++) ade.control.addDevice({ serial_number: `C02M${String(index).padStart(8, '0')}` })
  await linked()
  expect(await state()).toMatchObject({ devices: 1100, assigned: 1100, state: 'current' })
  const audits = await database.store.auditEvent.count()
  await syncAppleBusiness(deps)
  expect(await database.store.auditEvent.count()).toBe(audits)
})

test('a Mac that Apple fails on is tried again after an hour, not before', async () => {
  ade.control.addDevice({ serial_number: 'C02AAAAAAAA1' })
  ade.control.failOn('C02AAAAAAAA1')
  await linked()
  expect(await state()).toMatchObject({ assigned: 0, failed: 1 })
  ade.control.failOn('C02AAAAAAAA1', false)
  now = new Date(now.getTime() + 59 * 60_000)
  await syncAppleBusiness(deps)
  expect(await state()).toMatchObject({ assigned: 0, failed: 1 })
  now = new Date(now.getTime() + 2 * 60_000)
  await syncAppleBusiness(deps)
  expect(await state()).toMatchObject({ assigned: 1, failed: 0 })
})

test('new Macs get no profile while assigning is off', async () => {
  const { business, link } = await linked()
  await business.setAssignsNewMacs(link, false, BY)
  ade.control.addDevice({ serial_number: 'C02AAAAAAAA1' })
  await syncAppleBusiness(deps)
  expect(await state()).toMatchObject({ devices: 1, assigned: 0 })
  expect(ade.control.activate('C02AAAAAAAA1')).toBeUndefined()
})

describe('what fails is said in words, and mends itself where it can', () => {
  test('unsigned terms stand as a fault with an alert, and go when they are signed', async () => {
    await linked()
    ade.control.signTerms(false)
    await syncAppleBusiness(deps)
    expect(await state()).toMatchObject({ state: 'failing', fault: { code: 'TERMS_NOT_SIGNED' } })
    const faults = async () => Promise.all(appleBusinessWatchers(deps).map(({ look }) => look())).then((found) => found.flat())
    expect(await faults()).toMatchObject([{ kind: 'apple-business-fault', severity: 'warning' }])
    ade.control.signTerms(true)
    await syncAppleBusiness(deps)
    expect(await state()).toMatchObject({ state: 'current', fault: null })
    expect(await faults()).toEqual([])
  })
  test('a token near its end raises an alert that grows more pressing', async () => {
    await linked()
    const [tokens] = appleBusinessWatchers(deps)
    const DAY_MS = 24 * 3600_000
    const start = now
    const stages: unknown[] = []
    for (const days of [300, 340, 352, 359, 364.5, 366]) {
      now = new Date(start.getTime() + days * DAY_MS)
      stages.push((await tokens?.look())?.map(({ stage, severity }) => [stage, severity]))
    }
    expect(stages).toEqual([[], [[1, 'warning']], [[2, 'warning']], [[3, 'critical']], [[4, 'critical']], [[5, 'critical']]])
  })
  test('a token for another key is refused and nothing is kept', async () => {
    const business = createAppleBusiness(deps)
    const mine = await business.createLink(BY)
    const other = await business.createLink(BY)
    const file = ade.control.tokenFile(other.certificatePem)
    const failure = await business.installToken({ link: mine.link, file, by: BY }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(AppError)
    expect((failure as AppError).publicText).toContain('TOKEN_FOR_OTHER_KEY')
    expect(await database.store.appleBusinessLink.count({ where: { tokenEnvelope: { not: null } } })).toBe(0)
  })
  test('a token that Apple rejects is not kept', async () => {
    const business = createAppleBusiness(deps)
    const { link, certificatePem } = await business.createLink(BY)
    const file = ade.control.tokenFile(certificatePem)
    ade.control.renewToken()
    const failure = await business.installToken({ link, file, by: BY }).catch((error: unknown) => error)
    expect((failure as AppError).publicText).toContain('TOKEN_REJECTED')
    expect(await database.store.appleBusinessLink.count({ where: { tokenEnvelope: { not: null } } })).toBe(0)
  })
  test('a removed link keeps neither key nor token, and lets no Mac in', async () => {
    ade.control.addDevice({ serial_number: 'C02AAAAAAAA1' })
    const { business, link } = await linked()
    await business.removeLink({ link, by: BY })
    const row = await database.store.appleBusinessLink.findUniqueOrThrow({ where: { id: link } })
    expect([row.keyEnvelope.length, row.tokenEnvelope]).toEqual([0, null])
    expect(await admit('C02AAAAAAAA1')).toBeUndefined()
    await expect(business.removeLink({ link, by: BY })).rejects.toMatchObject({ code: 'not_found' })
  })
})

const MACHINE = {
  udid: '00008103-000A',
  product: undefined,
  osVersion: undefined,
  buildVersion: undefined,
  language: undefined,
  softwareUpdateDeviceId: undefined,
  canRequestSoftwareUpdate: false,
}

/** With a stand-in for the one step of MDM that makes an invitation: the row itself. */
async function admit(serial: string) {
  let made = 0
  const invite = async ({ macId }: { macId: string }) => {
    const enrollmentId = `ENR-${++made}-${serial}`
    const linkExpiresAt = new Date(now.getTime() + 3600_000)
    const linkHash = new Uint8Array(Buffer.from(enrollmentId))
    await database.store.enrollment.create({
      data: { id: enrollmentId, macId, kind: 'automated', state: 'invited', linkHash, linkExpiresAt, createdAt: now },
    })
    return { enrollmentId, code: '', url: '', expiresAt: linkExpiresAt }
  }
  return admitMachine({ store: deps.store, clock: deps.clock, mdm: { invite } }, { ...MACHINE, serial })
}

describe('a Mac in Setup Assistant', () => {
  test('is let in when Apple assigned it to us, and asking again leads to the same enrollment', async () => {
    ade.control.addDevice({ serial_number: 'C02AAAAAAAA1' })
    await linked()
    const first = await admit('C02AAAAAAAA1')
    expect(first).toBeDefined()
    expect(await admit('C02AAAAAAAA1')).toEqual(first)
  })
  test('is not let in when it is nobody we know', async () => {
    await linked()
    expect(await admit('C02STRANGER1')).toBeUndefined()
  })
  test('is not let in when it only stands in the inventory', async () => {
    await linked()
    await database.store.mac.create({ data: { id: 'mac_00000000000000000001', serial: 'C02BYHAND001', addedAt: now } })
    expect(await admit('C02BYHAND001')).toBeUndefined()
  })
  test('is not let in once it is revoked', async () => {
    ade.control.addDevice({ serial_number: 'C02AAAAAAAA1' })
    await linked()
    await database.store.mac.updateMany({ where: { serial: 'C02AAAAAAAA1' }, data: { revokedAt: now } })
    expect(await admit('C02AAAAAAAA1')).toBeUndefined()
  })
  test('is not let in after Apple took it away from us', async () => {
    ade.control.addDevice({ serial_number: 'C02AAAAAAAA1' })
    await linked()
    ade.control.removeDevice('C02AAAAAAAA1')
    await syncAppleBusiness(deps)
    expect(await admit('C02AAAAAAAA1')).toBeUndefined()
  })
})
