import { Registry } from 'prom-client'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { type Alerts, createAlerts, type RaisedAlert } from './alerts.ts'
import { lookAround, measureAlerts } from './watch.ts'

const EXPIRY: RaisedAlert = {
  kind: 'push-certificate-expiry',
  subject: 'key:push',
  severity: 'info',
  sentence: 'The certificate expires in less than 60 days.',
  remedy: 'Renew it.',
}

let now: Date
let database: TestDatabase
let alerts: Alerts
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())
beforeEach(async () => {
  now = new Date('2026-11-02T09:00:00Z')
  await database.store.alert.deleteMany()
  await database.store.auditEvent.deleteMany()
  alerts = createAlerts({ store: database.store, clock: { now: () => now } })
})

const open = async () => (await alerts.list({ open: true })).rows
const audited = async () => (await database.store.auditEvent.findMany({ orderBy: { id: 'asc' } })).map(({ type }) => type).toSorted()

describe('an alert', () => {
  test('is raised once, however often its cause is seen, and at the time it was first seen', async () => {
    await alerts.raise(EXPIRY)
    now = new Date('2026-11-03T09:00:00Z')
    await alerts.raise(EXPIRY)
    expect(await open()).toMatchObject([{ ...EXPIRY, raisedAt: new Date('2026-11-02T09:00:00Z'), clearedAt: null, acknowledgedAt: null }])
    expect(await audited()).toEqual(['alert.raised'])
  })

  test('is one, although several see its cause at the same moment', async () => {
    await Promise.all(Array.from({ length: 12 }, () => alerts.raise(EXPIRY)))
    expect(await open()).toHaveLength(1)
    expect(await audited()).toEqual(['alert.raised'])
  })

  test('stands beside another subject’s', async () => {
    await alerts.raise(EXPIRY)
    await alerts.raise({ ...EXPIRY, subject: 'key:other' })
    expect(await open()).toHaveLength(2)
  })

  test('is cleared with its cause, and raised anew when that returns', async () => {
    await alerts.raise(EXPIRY)
    await alerts.clear(EXPIRY.kind, EXPIRY.subject)
    await alerts.clear(EXPIRY.kind, EXPIRY.subject)
    expect(await open()).toEqual([])
    expect((await alerts.list({ open: false })).rows).toMatchObject([{ clearedAt: now }])
    await alerts.raise(EXPIRY)
    expect(await open()).toHaveLength(1)
    expect(await audited()).toEqual(['alert.cleared', 'alert.raised', 'alert.raised'])
  })

  test('once acknowledged stays open and quiet under other words, and speaks up again when its cause is more pressing', async () => {
    await alerts.raise(EXPIRY)
    const id = (await open())[0]?.id ?? ''
    await alerts.acknowledge(id, 'user:usr_1')
    await alerts.acknowledge(id, 'user:usr_2')
    await alerts.raise({ ...EXPIRY, sentence: 'Other words.' })
    expect(await open()).toMatchObject([{ id, sentence: 'Other words.', acknowledgedAt: now, acknowledgedBy: 'user:usr_1' }])
    expect(await audited()).toEqual(['alert.acknowledged', 'alert.raised'])
    await alerts.raise({ ...EXPIRY, stage: 1 })
    expect(await open()).toMatchObject([{ id, acknowledgedAt: null, acknowledgedBy: null }])
    await alerts.acknowledge(id, 'user:usr_1')
    await alerts.raise({ ...EXPIRY, stage: 1, severity: 'critical' })
    expect(await open()).toMatchObject([{ id, severity: 'critical', acknowledgedAt: null }])
    await alerts.acknowledge(id, 'user:usr_1')
    await alerts.raise({ ...EXPIRY, stage: 0, severity: 'info' })
    expect(await open()).toMatchObject([{ id, severity: 'info', acknowledgedBy: 'user:usr_1' }])
  })

  test('that nobody ever raised cannot be acknowledged; one that was cleared meanwhile can, without effect', async () => {
    await expect(alerts.acknowledge('alt_none', 'user:usr_1')).rejects.toMatchObject({ code: 'not_found' })
    await alerts.raise(EXPIRY)
    const id = (await open())[0]?.id ?? ''
    await alerts.clear(EXPIRY.kind, EXPIRY.subject)
    await alerts.acknowledge(id, 'user:usr_1')
    expect((await alerts.list({ open: false })).rows).toMatchObject([{ acknowledgedAt: null }])
  })

  test('leaves nothing behind when its audit row cannot be written', async () => {
    await database.store.$executeRaw`ALTER TABLE "AuditEvent" ADD CONSTRAINT none_more CHECK (type = 'never')`
    try {
      await expect(alerts.raise(EXPIRY)).rejects.toThrow()
      expect(await open()).toEqual([])
    } finally {
      await database.store.$executeRaw`ALTER TABLE "AuditEvent" DROP CONSTRAINT none_more`
    }
  })

  test('with words beyond all bounds is our own mistake', async () => {
    await expect(alerts.raise({ ...EXPIRY, sentence: 'x'.repeat(501) })).rejects.toThrow()
    await expect(alerts.raise({ ...EXPIRY, kind: 'Not A Kind' })).rejects.toThrow()
  })
})

describe('the list', () => {
  test('has the gravest first, and no more than was asked for', async () => {
    for (const [index, severity] of (['info', 'critical', 'warning'] as const).entries()) {
      await alerts.raise({ ...EXPIRY, subject: `s${index}`, severity })
    }
    expect((await open()).map(({ severity }) => severity)).toEqual(['critical', 'warning', 'info'])
    const page = await alerts.list({ open: true, skip: 1, take: 1 })
    expect([page.total, page.rows.map(({ severity }) => severity)]).toEqual([3, ['warning']])
    expect((await alerts.list({ open: true, take: 1_000_000 })).rows).toHaveLength(3)
  })
})

describe('a round of the watchers', () => {
  test('clears what is no longer said, and nothing of a watcher that failed', async () => {
    const watched = (subject: string) => ({ ...EXPIRY, subject })
    await alerts.raise(watched('gone'))
    await alerts.raise({ ...EXPIRY, kind: 'other-kind' })
    const round = lookAround(alerts, [
      { kind: 'other-kind', look: () => Promise.reject(new Error('the database is away')) },
      { kind: EXPIRY.kind, look: async () => [watched('stands')] },
    ])
    await expect(round).rejects.toThrow('1 kinds of alert')
    expect((await open()).map(({ kind, subject }) => `${kind} ${subject}`).toSorted()).toEqual([
      'other-kind key:push',
      'push-certificate-expiry stands',
    ])
  })

  test('refuses a watcher that speaks of another’s kind', async () => {
    await expect(alerts.settle('one-kind', [EXPIRY])).rejects.toThrow(TypeError)
  })
})

test('Prometheus is told the open alerts by severity', async () => {
  const metrics = new Registry()
  measureAlerts(alerts, metrics)
  await alerts.raise(EXPIRY)
  expect(await metrics.metrics()).toMatch(/espalier_alerts_open\{severity="info"\} 1[\s\S]*severity="critical"\} 0/)
})
