import { newId } from '#protocol/ids'
import type { Db } from './client.ts'
import type { AlertSeverity } from './generated/enums.ts'

export type { AlertSeverity } from './generated/enums.ts'

export type AlertRow = {
  id: string
  kind: string
  subject: string
  severity: AlertSeverity
  stage: number
  sentence: string
  remedy: string
  raisedAt: Date
  clearedAt: Date | null
  acknowledgedAt: Date | null
  acknowledgedBy: string | null
}

export type AlertCause = Pick<AlertRow, 'kind' | 'subject' | 'severity' | 'stage' | 'sentence' | 'remedy'>

const openKeyOf = (kind: string, subject: string): string => `${kind}\n${subject}`

const SHOWN = {
  id: true,
  kind: true,
  subject: true,
  severity: true,
  stage: true,
  sentence: true,
  remedy: true,
  raisedAt: true,
  clearedAt: true,
  acknowledgedAt: true,
  acknowledgedBy: true,
} as const

export async function findOpenAlert(db: Db, kind: string, subject: string): Promise<AlertRow | undefined> {
  return (await db.alert.findUnique({ where: { openKey: openKeyOf(kind, subject) }, select: SHOWN })) ?? undefined
}

/** Opens an alert. Undefined: another one for the same cause was opened meanwhile, and stands. */
export async function openAlert(db: Db, cause: AlertCause, at: Date): Promise<string | undefined> {
  const id = newId('alt')
  const row = { ...cause, id, openKey: openKeyOf(cause.kind, cause.subject), raisedAt: at }
  const { count } = await db.alert.createMany({ data: row, skipDuplicates: true })
  return count === 1 ? id : undefined
}

/** New words for an open alert; with `isWorse` it asks for attention again. False: it was cleared meanwhile. */
export async function rewordAlert(db: Db, id: string, cause: AlertCause, isWorse: boolean): Promise<boolean> {
  const { severity, stage, sentence, remedy } = cause
  const data = { severity, stage, sentence, remedy, ...(isWorse && { acknowledgedAt: null, acknowledgedBy: null }) }
  return (await db.alert.updateMany({ where: { id, clearedAt: null }, data })).count === 1
}

/** The id of the alert that was open, if one was. */
export async function closeAlert(db: Db, kind: string, subject: string, at: Date): Promise<string | undefined> {
  const [closed] = await db.alert.updateManyAndReturn({
    where: { openKey: openKeyOf(kind, subject) },
    data: { openKey: null, clearedAt: at },
    select: { id: true },
  })
  return closed?.id
}

/** The kind and subject of an open alert that nobody had acknowledged; undefined otherwise. */
export async function markAlertAcknowledged(
  db: Db,
  id: string,
  by: { actor: string; at: Date },
): Promise<{ kind: string; subject: string } | undefined> {
  const [alert] = await db.alert.updateManyAndReturn({
    where: { id, clearedAt: null, acknowledgedAt: null },
    data: { acknowledgedAt: by.at, acknowledgedBy: by.actor },
    select: { kind: true, subject: true },
  })
  return alert
}

export async function findAlert(db: Db, id: string): Promise<AlertRow | undefined> {
  return (await db.alert.findUnique({ where: { id }, select: SHOWN })) ?? undefined
}

/** Open ones: the gravest first, then the newest. Cleared ones: the last cleared first. */
export async function listAlertRows(
  db: Db,
  page: { isOpen: boolean; skip: number; take: number },
): Promise<{ rows: AlertRow[]; total: number }> {
  const where = page.isOpen ? { clearedAt: null } : { clearedAt: { not: null } }
  const newest = [{ raisedAt: 'desc' }, { id: 'asc' }] as const
  const orderBy = page.isOpen ? [{ severity: 'desc' as const }, ...newest] : [{ clearedAt: 'desc' as const }, ...newest]
  const [rows, total] = await Promise.all([
    db.alert.findMany({ where, orderBy: [...orderBy], skip: page.skip, take: page.take, select: SHOWN }),
    db.alert.count({ where }),
  ])
  return { rows, total }
}

export async function listOpenSubjects(db: Db, kind: string): Promise<string[]> {
  return (await db.alert.findMany({ where: { kind, clearedAt: null }, select: { subject: true } })).map(({ subject }) => subject)
}

/** Open alerts by severity, and those among them that nobody has acknowledged. */
export async function countOpenAlerts(db: Db): Promise<{ severity: AlertSeverity; isAcknowledged: boolean; count: number }[]> {
  return db.$queryRaw`
    SELECT severity, "acknowledgedAt" IS NOT NULL AS "isAcknowledged", count(*)::int AS count
    FROM "Alert" WHERE "clearedAt" IS NULL GROUP BY 1, 2`
}
