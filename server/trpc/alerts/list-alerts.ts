import { z } from 'zod'
import { createAlerts, SEVERITIES } from '../../alerts/alerts.ts'
import { allowedTo } from '../procedure.ts'

const Input = z.strictObject({
  open: z.boolean().default(true),
  page: z.number().int().min(1).max(100_000).default(1),
  pageSize: z.number().int().min(1).max(200).default(50),
})

const Alert = z.object({
  id: z.string(),
  kind: z.string(),
  subject: z.string(),
  severity: z.enum(SEVERITIES),
  sentence: z.string(),
  remedy: z.string(),
  raisedAt: z.date(),
  clearedAt: z.date().nullable(),
  acknowledgedAt: z.date().nullable(),
  acknowledgedBy: z.string().nullable(),
})

const Counts = z.record(z.enum(SEVERITIES), z.object({ open: z.number().int(), unacknowledged: z.number().int() }))

/** What is wrong now, the gravest first; or what was. */
export const listAlerts = allowedTo('read alerts')
  .input(Input)
  .output(z.object({ rows: z.array(Alert), total: z.number().int(), counts: Counts }))
  .query(async ({ ctx, input: { open, page, pageSize } }) => {
    const alerts = createAlerts(ctx.deps)
    const [list, counts] = await Promise.all([alerts.list({ open, skip: (page - 1) * pageSize, take: pageSize }), alerts.countOpen()])
    return { ...list, counts }
  })
