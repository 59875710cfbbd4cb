import { PgBoss } from 'pg-boss'
import type { Log } from './log.ts'

/** Work that must happen although processes come and go: kept in the database, done by one replica at a time, never twice at once. */
export type Job = {
  name: string
  /** When, in cron's five fields; a minute is the shortest. */
  cron: string
  /** After this long another replica may take it over. */
  expireInSeconds: number
  /** Said in the log when it fails; each cause of an AggregateError gets a line. */
  failure: string
  run(): Promise<void>
}

export type Jobs = { close(): Promise<void> }

/** What keeps one Mac from being refreshed often keeps all of them. */
const MAX_LOGGED = 5

async function runOrSay(job: Job, log: Log): Promise<void> {
  try {
    await job.run()
  } catch (error) {
    const causes: unknown[] = error instanceof AggregateError ? error.errors.slice(0, MAX_LOGGED) : [error]
    for (const err of causes) log.error({ err }, job.failure)
    throw error // pg-boss tries again
  }
}

/** Runs every job at its times, with retries; a run that fails is in the log and comes again. */
export async function startJobs(options: { databaseUrl: string; log: Log; jobs: readonly Job[] }): Promise<Jobs> {
  const boss = new PgBoss({ connectionString: options.databaseUrl, schema: 'jobs', application_name: 'espalier jobs', max: 4 })
  // The database going away is seen by everyone; pg-boss says so at every poll.
  boss.on('error', (error) => options.log.warn({ err: error }, 'the job queue cannot reach its database'))
  await boss.start()
  for (const job of options.jobs) {
    const { name, cron, expireInSeconds } = job
    await boss.createQueue(name, { policy: 'singleton', retryLimit: 2, expireInSeconds, deleteAfterSeconds: 3600 })
    await boss.schedule(name, cron)
    await boss.work(name, { pollingIntervalSeconds: 10 }, () => runOrSay(job, options.log))
  }
  return { close: () => boss.stop({ graceful: true, timeout: 5_000 }) }
}
