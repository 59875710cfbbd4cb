import { PgBoss } from 'pg-boss'
import type { Log } from './log.ts'

/** Work that must happen although processes come and go: kept in the database, done by one replica at a time. */
export type Jobs = { close(): Promise<void> }

const REFRESH = 'fleet-refresh'

/** What keeps one Mac from being refreshed often keeps all of them. */
const MAX_LOGGED = 5

async function refreshOrSay({ refresh, log }: { refresh(): Promise<void>; log: Log }): Promise<void> {
  try {
    await refresh()
  } catch (error) {
    const causes: unknown[] = error instanceof AggregateError ? error.errors.slice(0, MAX_LOGGED) : [error]
    for (const err of causes) log.error({ err }, 'the fleet could not be refreshed')
    throw error // pg-boss tries again
  }
}

/** Runs `refresh` every minute, never twice at once, with retries; a run that fails is in the log and comes again. */
export async function startJobs(options: { databaseUrl: string; log: Log; refresh(): Promise<void> }): Promise<Jobs> {
  const boss = new PgBoss({ connectionString: options.databaseUrl, schema: 'jobs', application_name: 'espalier jobs', max: 4 })
  // The database going away is seen by everyone; pg-boss says so at every poll.
  boss.on('error', (error) => options.log.warn({ err: error }, 'the job queue cannot reach its database'))
  await boss.start()
  await boss.createQueue(REFRESH, { policy: 'singleton', retryLimit: 2, expireInSeconds: 300, deleteAfterSeconds: 3600 })
  await boss.schedule(REFRESH, '* * * * *')
  await boss.work(REFRESH, { pollingIntervalSeconds: 10 }, () => refreshOrSay(options))
  return { close: () => boss.stop({ graceful: true, timeout: 5_000 }) }
}
