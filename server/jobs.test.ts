import { PgBoss } from 'pg-boss'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../test/support/postgres.ts'
import { type Jobs, startJobs } from './jobs.ts'
import { createLog } from './log.ts'

let database: TestDatabase
let jobs: Jobs | undefined
let boss: PgBoss
const lines: string[] = []
const log = createLog('info', { write: (line: string) => void lines.push(line) })

beforeEach(async () => {
  database = await testDatabase()
  lines.length = 0
})
afterEach(async () => {
  await jobs?.close()
  await boss.stop({ graceful: false })
  await database.drop()
})

async function start(refresh: () => Promise<void>): Promise<void> {
  const job = { name: 'fleet-refresh', cron: '* * * * *', expireInSeconds: 300, failure: 'the fleet could not be refreshed', run: refresh }
  jobs = await startJobs({ databaseUrl: database.url, log, jobs: [job] })
  boss = new PgBoss({ connectionString: database.url, schema: 'jobs', supervise: false, schedule: false })
  boss.on('error', () => {})
  await boss.start()
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 20))
}

test('the refresh is planned for every minute; where it fails, the log says why for each Mac', { timeout: 40_000 }, async () => {
  await start(async () => {
    throw new AggregateError([new Error('the first Mac’s fault')], '1 Macs could not be refreshed')
  })
  expect(await boss.getSchedules()).toMatchObject([{ name: 'fleet-refresh', cron: '* * * * *' }])
  await boss.send('fleet-refresh', {})
  await until(() => lines.some((line) => line.includes('the fleet could not be refreshed')))
  expect(lines.join('\n')).toContain('the first Mac’s fault')
})
