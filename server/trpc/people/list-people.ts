import { z } from 'zod'
import { listPeople as list } from '../../auth/people.ts'
import { manageableRoles, type Role } from '../../auth/permissions.ts'
import { allowedTo } from '../procedure.ts'
import { RoleName } from './fields.ts'

const Input = z.strictObject({
  search: z.string().trim().max(100).optional(),
  role: RoleName.optional(),
  state: z.enum(['active', 'disabled', 'all']).default('all'),
  page: z.int().min(1).max(10_000).default(1),
  pageSize: z.int().min(1).max(100).default(25),
})

const Person = z.object({
  id: z.string(),
  name: z.string(),
  email: z.string(),
  role: RoleName,
  isYou: z.boolean(),
  createdAt: z.date(),
  disabledAt: z.date().nullable(),
  lastSeenAt: z.date().nullable(),
  hasSecondFactor: z.boolean(),
  /** Those that stand now, and would end. */
  sessions: z.number(),
  apiKeys: z.number(),
  mayBeChanged: z.boolean(),
})

/** Who has an account, what stands with each, and which of them the caller may change. */
export const listPeople = allowedTo('read people')
  .input(Input)
  .output(z.object({ rows: z.array(Person), total: z.number(), givableRoles: z.array(RoleName) }))
  .query(async ({ ctx, input }) => {
    const { search, role, state, page, pageSize } = input
    const isActive = state === 'all' ? undefined : state === 'active'
    const query = { search: search === '' ? undefined : search, role, isActive, skip: (page - 1) * pageSize, take: pageSize }
    const { rows, total } = await list(ctx.deps, query)
    const givable: Role[] = manageableRoles(ctx.signedIn.user.role)
    return {
      total,
      givableRoles: givable,
      rows: rows.map((row) => ({ ...row, isYou: row.id === ctx.signedIn.user.id, mayBeChanged: givable.includes(row.role) })),
    }
  })
