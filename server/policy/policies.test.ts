import { afterEach, beforeEach, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts'
import { systemClock } from '../clock.ts'
import { createLog } from '../log.ts'
import { createPolicies, type Policies } from './policies.ts'

let database: TestDatabase
const opened: Policies[] = []
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(async () => {
  for (const policies of opened.splice(0)) policies.close()
  await database.drop()
})

async function open(mode: 'evaluation' | 'production' = 'evaluation', agentVersion = '0.1.0'): Promise<Policies> {
  const policies = await createPolicies({ store: database.store, clock: systemClock, mode, agentVersion, log: createLog('error') })
  opened.push(policies)
  return policies
}

test('the first start writes version 1, later ones read it, and two at once write one', async () => {
  const [one, two] = await Promise.all([open(), open()])
  expect([one.current().version, two.current().version]).toEqual([1, 1])
  expect(one.digest()).toBe(two.digest())
  expect(await database.store.policyVersion.count()).toBe(1)
  expect((await open()).current()).toEqual(one.current())
})

test('evaluation allows its own new agent; production leaves that to people', async () => {
  await open('evaluation', '0.1.0')
  expect((await open('evaluation', '0.2.0')).current()).toMatchObject({
    version: 2,
    releases: [{ agentVersion: '0.1.0' }, { agentVersion: '0.2.0' }],
  })
  expect((await open('production', '0.3.0')).current().releases).toHaveLength(2)
})

test('production takes back what evaluation allowed', async () => {
  expect((await open('evaluation')).current().allowEvaluation).toBe(true)
  expect((await open('production')).current()).toMatchObject({ version: 2, allowEvaluation: false })
  expect(await database.store.auditEvent.findMany({ where: { type: 'policy.in-force' } })).toHaveLength(2)
})

test('another replica’s change is noticed by the next look', async () => {
  const [one, two] = [await open(), await open()]
  const heard: number[] = []
  one.onChange(({ version }) => heard.push(version))
  await open('production')
  await one.reload()
  await one.reload()
  expect([one.current().version, two.current().version, heard]).toEqual([2, 1, [2]])
})

test('a document that was changed in the database is not believed', async () => {
  const policies = await open()
  const row = await database.store.policyVersion.findUniqueOrThrow({ where: { version: 1 } })
  const document = { ...(row.document as object), requireFileVault: false }
  await database.store.policyVersion.update({ where: { version: 1 }, data: { document } })
  await expect(open()).rejects.toThrow('its digest differs')
  expect(policies.current().requireFileVault).toBe(true)
})

test('the database keeps two versions from being in force', async () => {
  await open()
  const { version: _, ...row } = await database.store.policyVersion.findUniqueOrThrow({ where: { version: 1 } })
  const data = { ...row, version: 2, document: row.document as object, changes: [], moves: [], impactAtProposal: {}, impactAtApproval: {} }
  await expect(database.store.policyVersion.create({ data })).rejects.toThrow()
})
