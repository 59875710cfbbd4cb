import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { createPushAuthority, OTHER_TOPIC, TOPIC } from '../../test/support/push-certificates.ts'
import { createAlerts } from '../alerts/alerts.ts'
import { lookAround } from '../alerts/watch.ts'
import { createSecretBox } from '../secrets.ts'
import { readPushCertificate } from './certificate.ts'
import { findInstalledPushCertificate, installPushCertificate } from './installed-certificate.ts'
import type { PushWeather } from './wake-queue.ts'
import { certificateWatchers, expiryAlert, pushWatchers } from './watchers.ts'

const DAY_MS = 24 * 3600_000
const NOW = new Date('2026-11-02T09:00:00Z')
const authority = createPushAuthority()
const secrets = createSecretBox('the first secret of thirty-two characters')

describe('the expiry of the push certificate', () => {
  test.each([
    [61, undefined],
    [60, ['info', 1]],
    [31, ['info', 1]],
    [30, ['warning', 2]],
    [15, ['warning', 2]],
    [14, ['warning', 3]],
    [8, ['warning', 3]],
    [7, ['critical', 4]],
    [2, ['critical', 4]],
    [1, ['critical', 5]],
    [0.1, ['critical', 5]],
    [0, ['critical', 6]],
    [-100, ['critical', 6]],
  ])('%d days ahead is said as %j', (days, expected) => {
    const alert = expiryAlert(new Date(NOW.getTime() + days * DAY_MS), NOW)
    expect(alert && [alert.severity, alert.stage]).toEqual(expected)
  })

  test('that has come names itself', () => expect(expiryAlert(NOW, NOW)?.sentence).toContain('PUSH_CERT_EXPIRED'))
})

describe('the alerts about pushing', () => {
  let database: TestDatabase
  let now: Date
  let weather: PushWeather
  const clock = { now: () => now }
  beforeAll(async () => {
    database = await testDatabase()
  })
  afterAll(() => database.drop())
  beforeEach(async () => {
    now = new Date()
    weather = { state: 'unknown' }
    await database.store.$executeRaw`TRUNCATE "PushWish", "Enrollment", "Mac", "Alert", "WrappedKey" CASCADE`
  })

  const deps = () => ({ store: database.store, secrets, clock })
  const install = (topic: string, losingMacs?: number) => {
    const notAfter = new Date(now.getTime() + 365 * DAY_MS)
    const certificate = readPushCertificate(authority.issue({ topic, notAfter }).pem, { now: new Date() })
    return installPushCertificate(deps(), certificate, { losingMacs })
  }
  /** The open alerts after one round, as `kind severity`. */
  async function round(): Promise<string[]> {
    const alerts = createAlerts(deps())
    const current = () => findInstalledPushCertificate(deps())
    await lookAround(alerts, [...certificateWatchers({ ...deps(), current }), ...pushWatchers({ ...deps(), weather: () => weather })])
    return (await alerts.list({ open: true })).rows.map(({ kind, severity }) => `${kind} ${severity}`).toSorted()
  }
  async function addMac(id: string, more: object = {}): Promise<void> {
    await database.store.mac.create({ data: { id, serial: id, addedAt: now } })
    const times = { linkHash: Buffer.from(id), linkExpiresAt: now, createdAt: now }
    await database.store.enrollment.create({ data: { id, macId: id, state: 'enrolled', topic: TOPIC, ...times, ...more } })
  }

  test('follow the certificate from none, over a year, to its renewal', async () => {
    expect(await round()).toEqual(['push-certificate-missing warning'])
    await install(TOPIC)
    expect(await round()).toEqual([])
    for (const [days, severity] of [
      [306, 'info'],
      [30, 'warning'],
      [16, 'warning'],
      [7, 'critical'],
      [6, 'critical'],
      [1, 'critical'],
    ] as const) {
      now = new Date(now.getTime() + days * DAY_MS)
      expect(await round()).toEqual([`push-certificate-expiry ${severity}`])
    }
    await install(TOPIC)
    expect(await round()).toEqual([])
  })

  test('count the Macs that a change of topic has lost, until they are enrolled anew', async () => {
    await install(TOPIC)
    await addMac('A')
    await install(OTHER_TOPIC, 1)
    expect(await round()).toEqual(['push-topic-changed critical'])
    await database.store.enrollment.updateMany({ data: { topic: OTHER_TOPIC } })
    expect(await round()).toEqual([])
  })

  test('say that Apple refuses everything, and go when it takes a push again', async () => {
    await install(TOPIC)
    weather = { state: 'refused', reason: 'BadCertificate', since: now }
    expect(await round()).toEqual(['push-refused critical'])
    weather = { state: 'fair' }
    expect(await round()).toEqual([])
  })

  test('say that Apple cannot be reached once that has lasted', async () => {
    await install(TOPIC)
    weather = { state: 'unreachable', reason: 'ECONNREFUSED', since: new Date(now.getTime() - 60_000) }
    expect(await round()).toEqual([])
    weather = { ...weather, since: new Date(now.getTime() - 6 * 60_000) }
    expect(await round()).toEqual(['push-unreachable warning'])
  })

  test('count the Macs that Apple has given up, and those whose token it refuses', async () => {
    await install(TOPIC)
    await addMac('A', { unreachableAt: now })
    await addMac('B')
    await database.store.pushWish.create({ data: { enrollmentId: 'B', lastFault: 'DeviceTokenNotForTopic' } })
    expect(await round()).toEqual(['macs-unreachable info', 'push-token-refused warning'])
    await database.store.enrollment.updateMany({ data: { unreachableAt: null } })
    await database.store.pushWish.updateMany({ data: { lastFault: null } })
    expect(await round()).toEqual([])
  })
})
