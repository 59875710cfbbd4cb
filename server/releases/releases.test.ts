import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MacId, newId } from '#protocol/ids'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { createAlerts } from '../alerts/alerts.ts'
import { Policy } from '../attestation/policy.ts'
import type { SessionView } from '../fleet/ports.ts'
import { installKey } from '../store/releases.ts'
import { createReleases } from './create-releases.ts'
import type { ReleasesDeps } from './deps.ts'
import { rollReleases } from './roll.ts'
import type { AddRelease, Releases } from './views.ts'
import { releaseWatchers } from './watchers.ts'

/** Roll-outs over PostgreSQL. What agents say and what MDM queues are values: which Mac runs which version, and who was told what. */
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const BY = 'user:usr_1' as const

let now: Date
let database: TestDatabase
let releases: Releases
let deps: ReleasesDeps
let allowed: string[]
let told: { enrollmentId: string; url: unknown }[]
const running = new Map<string, { version: string; isRoutable: boolean; codeHash?: string }>()
/** What Macs run: the code of version 2.0.0, and of the one before. */
const CODE: Record<string, string> = { '1.0.0': 'c'.repeat(64), '2.0.0': 'a'.repeat(64) }

beforeEach(async () => {
  now = new Date('2026-11-21T12:00:00Z')
  database = await testDatabase()
  allowed = ['1.0.0', '2.0.0']
  told = []
  running.clear()
  const clock = { now: () => now }
  const list = () =>
    [...running].map(
      ([mac, { version, isRoutable, codeHash = CODE[version] }]) => ({ mac, agentVersion: version, codeHash, isRoutable }) as SessionView,
    )
  deps = {
    store: database.store,
    clock,
    policy: () => Policy.parse({ version: 1, releases: allowed.map((agentVersion) => ({ agentVersion })) }),
    sessions: { list },
    alerts: createAlerts({ store: database.store, clock }),
    mdm: () => ({ enqueue: (enrollmentId, command, { dedupeKey }) => enqueue(enrollmentId, command.payload, dedupeKey ?? '') }),
  }
  releases = createReleases(deps)
})
afterEach(() => database.drop())

async function enqueue(enrollmentId: string, payload: Map<string, unknown>, dedupeKey: string): Promise<string> {
  const manifest = payload.get('Manifest') as Map<string, Map<string, Map<string, unknown>[]>[]>
  told.push({ enrollmentId, url: manifest.get('items')?.[0]?.get('assets')?.[0]?.get('url') })
  await command(enrollmentId, dedupeKey, 'queued')
  return ''
}

const command = (enrollmentId: string, dedupeKey: string, state: 'queued' | 'failed' | 'acknowledged') =>
  database.store.mdmCommand.create({
    data: {
      ...{ id: newId('cmd'), enrollmentId, requestType: 'InstallEnterpriseApplication', payload: new Uint8Array(), state, dedupeKey },
      ...{ createdAt: now, expiresAt: new Date(now.getTime() + 24 * HOUR_MS), settledAt: state === 'queued' ? null : now },
    },
  })

let serial = 0
async function mac(ring: 'canary' | 'early' | 'all', version: string | undefined, isRoutable = true): Promise<MacId> {
  const id = newId<MacId>('mac')
  const linkHash = new Uint8Array(Buffer.from(id))
  await database.store.mac.create({ data: { id, serial: `C02R${String(++serial).padStart(8, '0')}`, ring, addedAt: now } })
  await database.store.enrollment.create({
    data: { id: `ENR-${id}`, macId: id, state: 'enrolled', linkHash, linkExpiresAt: now, createdAt: now, lastSeenAt: now },
  })
  if (version !== undefined) running.set(id, { version, isRoutable })
  return MacId.parse(id)
}

const RELEASE: AddRelease = {
  version: '2.0.0',
  codeHash: 'a'.repeat(64),
  teamId: null,
  bundleIdentifier: 'dev.espalier.agent',
  packageUrl: 'https://packages.example/agent-2.0.0.pkg',
  packageSha256: 'b'.repeat(64),
  packageBytes: 12_345,
  notes: '',
}

async function started(changes: Partial<AddRelease> = {}): Promise<string> {
  const { id } = await releases.add({ ...RELEASE, ...changes }, BY)
  await releases.change({ id, change: 'start' }, BY)
  return id
}
const release = async (id: string) => database.store.agentRelease.findUniqueOrThrow({ where: { id } })
const pass = (ms: number) => {
  now = new Date(now.getTime() + ms)
}

test('a release reaches canaries first, then early, then all, and every Mac once', async () => {
  const canary = await mac('canary', '1.0.0')
  const early = await mac('early', '1.0.0')
  const rest = await mac('all', '1.0.0')
  const id = await started()
  for (const [ring, macs] of [
    ['canary', [canary]],
    ['early', [early]],
    ['all', [rest]],
  ] as const) {
    await rollReleases(deps)
    await rollReleases(deps)
    expect(told.map(({ enrollmentId }) => enrollmentId)).toEqual(macs.map((one) => `ENR-${one}`))
    expect((await release(id)).ring).toBe(ring)
    for (const one of macs) running.set(one, { version: '2.0.0', isRoutable: true })
    told = []
    pass(25 * HOUR_MS)
    await rollReleases(deps)
    await database.store.enrollment.updateMany({ data: { lastSeenAt: now } })
  }
  expect(await release(id)).toMatchObject({ state: 'complete' })
})

test('a roll-out stops by itself, with an alert, when its Macs are no longer routable, and no other Mac is told', async () => {
  const canary = await mac('canary', '1.0.0')
  await mac('all', '1.0.0')
  const id = await started()
  await rollReleases(deps)
  running.set(canary, { version: '2.0.0', isRoutable: false })
  told = []
  await rollReleases(deps)
  expect(await release(id)).toMatchObject({ state: 'paused', ring: 'canary' })
  expect((await createAlerts(deps).list({ open: true })).rows).toMatchObject([{ kind: 'release-paused' }])
  pass(48 * HOUR_MS)
  await rollReleases(deps)
  expect(told).toEqual([])
})

test('a release that never starts is seen: its Macs took the package and were not heard of again', async () => {
  const canary = await mac('canary', '1.0.0')
  const id = await started()
  await database.store.mdmCommand.deleteMany()
  await command(`ENR-${canary}`, installKey(id), 'acknowledged')
  running.delete(canary)
  pass(10 * MINUTE_MS)
  await rollReleases(deps)
  expect((await release(id)).state).toBe('rolling')
  pass(6 * MINUTE_MS)
  await rollReleases(deps)
  expect(await release(id)).toMatchObject({ state: 'paused' })
})

test('a roll-out stops when a Mac cannot install it', async () => {
  const canary = await mac('canary', '1.0.0')
  const id = await started()
  await command(`ENR-${canary}`, installKey(id), 'failed')
  await rollReleases(deps)
  expect((await release(id)).because).toBe('1 of 1 Mac could not install it.')
})

test('taken back, its Macs are sent to the release before', async () => {
  const canary = await mac('canary', '1.0.0')
  const before = await started({ version: '1.0.0', codeHash: 'c'.repeat(64), packageUrl: 'https://packages.example/agent-1.0.0.pkg' })
  await database.store.agentRelease.update({ where: { id: before }, data: { state: 'complete' } })
  pass(1000)
  const id = await started()
  running.set(canary, { version: '2.0.0', isRoutable: true })
  await releases.change({ id, change: 'withdraw' }, BY)
  await rollReleases(deps)
  expect(told).toEqual([{ enrollmentId: `ENR-${canary}`, url: 'https://packages.example/agent-1.0.0.pkg' }])
})

test('the same version with other code is another release: who runs that has not updated, and is told', async () => {
  const canary = await mac('canary', '2.0.0')
  const id = await started({ codeHash: 'd'.repeat(64) })
  expect((await releases.list()).releases).toMatchObject([{ id, running: 0 }])
  pass(48 * HOUR_MS)
  await database.store.enrollment.updateMany({ data: { lastSeenAt: now } })
  await rollReleases(deps)
  expect(await release(id)).toMatchObject({ state: 'rolling', ring: 'canary' })
  expect(told.map(({ enrollmentId }) => enrollmentId)).toEqual([`ENR-${canary}`])
})

test('a roll-out stops when the policy shuts its release out, and nobody is told to install it', async () => {
  await mac('canary', '1.0.0')
  const id = await started()
  allowed = ['1.0.0']
  await rollReleases(deps)
  expect(await release(id)).toMatchObject({ state: 'paused', because: 'The policy no longer allows it.' })
  await database.store.agentRelease.update({ where: { id }, data: { state: 'complete' } })
  await rollReleases(deps)
  expect(told).toEqual([])
})

describe('four eyes', () => {
  const person = async (id: string, role: 'owner' | 'security' | 'operator'): Promise<void> => {
    await database.store.user.create({ data: { id, email: `${id}@example.com`, name: id, role, createdAt: now } })
  }

  test('whoever listed a release does not start it where another person could', async () => {
    await person('usr_1', 'security')
    await person('usr_2', 'owner')
    const { id } = await releases.add(RELEASE, BY)
    await expect(releases.change({ id, change: 'start' }, BY)).rejects.toMatchObject({ code: 'forbidden' })
    expect((await release(id)).state).toBe('draft')
    await releases.change({ id, change: 'start' }, 'user:usr_2')
    expect((await release(id)).state).toBe('rolling')
  })

  test('by an account that was made for it is told to everybody', async () => {
    await person('usr_1', 'owner')
    await person('usr_2', 'security')
    await person('usr_3', 'security')
    const made = {
      purpose: 'join',
      email: 'usr_2@example.com',
      role: 'security',
      userId: 'usr_2',
      invitedById: 'usr_1',
      usedAt: now,
    } as const
    const tokenHash = new TextEncoder().encode('usr_2')
    await database.store.userInvitation.create({ data: { ...made, id: 'inv_1', tokenHash, createdAt: now, expiresAt: now } })
    const start = async (codeHash: string, by: `user:${string}`): Promise<string> => {
      const { id } = await releases.add({ ...RELEASE, codeHash }, BY)
      await releases.change({ id, change: 'start' }, by)
      return id
    }
    const told = await start('1'.repeat(64), 'user:usr_2')
    await start('2'.repeat(64), 'user:usr_3')
    const alerts = (await Promise.all(releaseWatchers(deps).map(({ look }) => look()))).flat()
    expect(alerts.map(({ kind, subject }) => [kind, subject])).toEqual([['release-four-eyes', told]])
  })

  test('the only one who manages releases starts their own', async () => {
    await person('usr_1', 'owner')
    await person('usr_3', 'operator')
    const id = await started()
    expect((await release(id)).state).toBe('rolling')
  })
})

describe('refuses', () => {
  test('to start what the policy does not allow', async () => {
    allowed = ['1.0.0']
    const { id } = await releases.add(RELEASE, BY)
    await expect(releases.change({ id, change: 'start' }, BY)).rejects.toMatchObject({ code: 'conflict' })
    expect((await release(id)).state).toBe('draft')
  })
  test('to let go on what the policy no longer allows', async () => {
    const id = await started()
    await releases.change({ id, change: 'pause' }, BY)
    allowed = ['1.0.0']
    await expect(releases.change({ id, change: 'resume' }, BY)).rejects.toMatchObject({ code: 'conflict' })
  })
  test('a change from a state that it does not start from', async () => {
    const id = await started()
    await expect(releases.change({ id, change: 'resume' }, BY)).rejects.toMatchObject({ code: 'conflict' })
    await expect(releases.change({ id: 'rel_none', change: 'pause' }, BY)).rejects.toMatchObject({ code: 'not_found' })
  })
  test('the same code under the same version twice', async () => {
    await releases.add(RELEASE, BY)
    await expect(releases.add(RELEASE, BY)).rejects.toMatchObject({ code: 'conflict' })
  })
})

test('a Mac whose agent is away is not told, and one that failed not before six hours', async () => {
  await mac('canary', undefined)
  const here = await mac('canary', '1.0.0')
  for (let index = 0; index < 8; index++) await mac('canary', '2.0.0')
  await started()
  await rollReleases(deps)
  expect(told.map(({ enrollmentId }) => enrollmentId)).toEqual([`ENR-${here}`])
  await database.store.mdmCommand.updateMany({ data: { state: 'failed', settledAt: now } })
  told = []
  pass(5 * HOUR_MS)
  await rollReleases(deps)
  expect(told).toEqual([])
  pass(2 * HOUR_MS)
  await rollReleases(deps)
  expect(told.map(({ enrollmentId }) => enrollmentId)).toEqual([`ENR-${here}`])
})

test('Macs are told fifty at a time', async () => {
  for (let index = 0; index < 60; index++) await mac('canary', '1.0.0')
  await started()
  await rollReleases(deps)
  expect(told.length).toBe(50)
  await rollReleases(deps)
  expect(told.length).toBe(60)
})
