import { z } from 'zod'
import type { Actor } from '../audit/events.ts'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import {
  type AlertCause,
  type AlertRow,
  type AlertSeverity,
  closeAlert,
  countOpenAlerts,
  findAlert,
  findOpenAlert,
  listAlertRows,
  listOpenSubjects,
  markAlertAcknowledged,
  openAlert,
  rewordAlert,
} from '../store/alerts.ts'
import { appendAudit } from '../store/audit.ts'
import type { Store } from '../store/client.ts'

export const SEVERITIES = ['info', 'warning', 'critical'] as const satisfies readonly AlertSeverity[]

/** What an administrator should know: what is wrong, in one sentence, and what to do about it, in another. No secret, no content. */
export const RaisedAlert = z.strictObject({
  /** `push-certificate-expiry`: the same cause always has the same word. */
  kind: z.string().regex(/^[a-z][a-z0-9-]{2,63}$/),
  /** What it is about: a Mac's id, `key:push`, `installation`. */
  subject: z.string().min(1).max(200),
  severity: z.enum(SEVERITIES),
  sentence: z.string().min(1).max(500),
  remedy: z.string().max(500).default(''),
  /** Raise it as the cause becomes more pressing: an acknowledged alert then asks for attention again. */
  stage: z.number().int().min(0).max(1000).default(0),
})
export type RaisedAlert = z.input<typeof RaisedAlert>

export type AlertPage = { open: boolean; skip?: number; take?: number }

export type Alerts = {
  /** Idempotent: while an alert of this kind and subject is open there is no second one; it takes on the new words. */
  raise(alert: RaisedAlert): Promise<void>
  /** Nothing happens where none is open. */
  clear(kind: string, subject: string): Promise<void>
  /** The whole truth about one kind: raises every one of `current`, clears every other that is open. */
  settle(kind: string, current: readonly RaisedAlert[]): Promise<void>
  acknowledge(id: string, by: Actor): Promise<void>
  list(page: AlertPage): Promise<{ rows: AlertRow[]; total: number }>
  countOpen(): Promise<Record<AlertSeverity, { open: number; unacknowledged: number }>>
}

const MAX_PAGE = 200

/** Keeps nothing in memory: any number of them over one database are one. */
export function createAlerts(deps: { store: Store; clock: Clock }): Alerts {
  const { store, clock } = deps
  const raise = async (alert: RaisedAlert): Promise<void> => {
    const cause = RaisedAlert.parse(alert)
    const open = await findOpenAlert(store, cause.kind, cause.subject)
    if (open === undefined || !saysTheSame(open, cause)) await write(store, cause, clock.now())
  }
  const clear = (kind: string, subject: string): Promise<void> => close(store, { kind, subject, at: clock.now() })
  const settle = async (kind: string, current: readonly RaisedAlert[]): Promise<void> => {
    const stray = current.find((alert) => alert.kind !== kind)
    if (stray !== undefined) throw new TypeError(`an alert of kind ${stray.kind} was handed in among those of ${kind}`)
    for (const alert of current) await raise(alert)
    const standing = new Set(current.map(({ subject }) => subject))
    for (const subject of await listOpenSubjects(store, kind)) if (!standing.has(subject)) await clear(kind, subject)
  }
  return {
    raise,
    clear,
    settle,
    acknowledge: (id, by) => acknowledge(store, { id, by, at: clock.now() }),
    list: ({ open, skip = 0, take = MAX_PAGE }) => listAlertRows(store, { isOpen: open, skip, take: Math.min(take, MAX_PAGE) }),
    countOpen: () => countOpen(store),
  }
}

const isWorse = (open: AlertRow, cause: AlertCause): boolean =>
  cause.stage > open.stage || SEVERITIES.indexOf(cause.severity) > SEVERITIES.indexOf(open.severity)

const saysTheSame = (open: AlertRow, cause: AlertCause): boolean =>
  (['severity', 'stage', 'sentence', 'remedy'] as const).every((field) => open[field] === cause[field])

/** Opened, or made worse: both are in the audit trail. Other words for the same state are not. */
async function write(store: Store, cause: AlertCause, at: Date): Promise<void> {
  await store.$transaction(async (tx) => {
    const open = await findOpenAlert(tx, cause.kind, cause.subject)
    const worse = open !== undefined && isWorse(open, cause)
    const alert = open === undefined ? await openAlert(tx, cause, at) : (await rewordAlert(tx, open.id, cause, worse)) && open.id
    if (!alert || (open !== undefined && !worse)) return
    const { kind, subject, severity, sentence } = cause
    await appendAudit(tx, { type: 'alert.raised', subject, detail: { alert, kind, severity, sentence } }, { actor: 'system', at })
  })
}

async function close(store: Store, { kind, subject, at }: { kind: string; subject: string; at: Date }): Promise<void> {
  if ((await findOpenAlert(store, kind, subject)) === undefined) return
  await store.$transaction(async (tx) => {
    const alert = await closeAlert(tx, kind, subject, at)
    if (alert !== undefined) await appendAudit(tx, { type: 'alert.cleared', subject, detail: { alert, kind } }, { actor: 'system', at })
  })
}

/** Acknowledging twice, or what has been cleared meanwhile, is no fault: whoever asks wanted it out of sight. */
async function acknowledge(store: Store, { id, by, at }: { id: string; by: Actor; at: Date }): Promise<void> {
  await store.$transaction(async (tx) => {
    const acknowledged = await markAlertAcknowledged(tx, id, { actor: by, at })
    if (acknowledged !== undefined) {
      const { kind, subject } = acknowledged
      await appendAudit(tx, { type: 'alert.acknowledged', subject, detail: { alert: id, kind } }, { actor: by, at })
    } else if ((await findAlert(tx, id)) === undefined) throw new AppError('not_found', { public: 'There is no such alert.' })
  })
}

async function countOpen(store: Store): Promise<Record<AlertSeverity, { open: number; unacknowledged: number }>> {
  const counts = { info: { open: 0, unacknowledged: 0 }, warning: { open: 0, unacknowledged: 0 }, critical: { open: 0, unacknowledged: 0 } }
  for (const { severity, isAcknowledged, count } of await countOpenAlerts(store)) {
    counts[severity].open += count
    if (!isAcknowledged) counts[severity].unacknowledged += count
  }
  return counts
}
