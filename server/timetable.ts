import type { Job } from './jobs.ts'

const EVERY_MINUTE = '* * * * *'
const EVERY_FIVE_MINUTES = '*/5 * * * *'
const EVERY_QUARTER = '7-59/15 * * * *'
/** Not at the full hour, when everybody's jobs begin. */
const EVERY_HOUR = '23 * * * *'

/** All regular work of the appliance: when it is done, how long one round may take, what the log says when it fails. */
const TIMETABLE = {
  'fleet-refresh': { cron: EVERY_MINUTE, expireInSeconds: 300, failure: 'the fleet could not be refreshed' },
  'wake-macs': { cron: EVERY_MINUTE, expireInSeconds: 3600, failure: 'pushes could not be sent' },
  policy: { cron: EVERY_MINUTE, expireInSeconds: 60, failure: 'a policy that is due could not be settled' },
  alerts: { cron: EVERY_MINUTE, expireInSeconds: 60, failure: 'an alert could not be looked after' },
  'agent-releases': { cron: EVERY_MINUTE, expireInSeconds: 120, failure: 'agent releases could not be rolled out' },
  declarations: { cron: EVERY_FIVE_MINUTES, expireInSeconds: 300, failure: 'declarations could not be told' },
  'apple-business': { cron: EVERY_QUARTER, expireInSeconds: 900, failure: 'Apple Business could not be read' },
  'identity-renewal': { cron: EVERY_HOUR, expireInSeconds: 900, failure: 'MDM identities could not be renewed' },
} as const satisfies Record<string, Omit<Job, 'name' | 'run'>>

type JobName = keyof typeof TIMETABLE

export function timetable(work: Record<JobName, () => Promise<void>>): Job[] {
  return (Object.keys(TIMETABLE) as JobName[]).map((name) => ({ name, ...TIMETABLE[name], run: work[name] }))
}
