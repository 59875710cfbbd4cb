import { z } from 'zod'
import { manageableRoles } from '../../auth/permissions.ts'
import { listInvitations as list } from '../../auth/user-invitations.ts'
import { allowedTo } from '../procedure.ts'
import { RoleName } from './fields.ts'

const Output = z.array(
  z.object({
    id: z.string(),
    purpose: z.enum(['join', 'reset']),
    email: z.string(),
    role: RoleName,
    removesSecondFactor: z.boolean(),
    createdAt: z.date(),
    expiresAt: z.date(),
    mayBeChanged: z.boolean(),
  }),
)

/** The links that can still be used; never the links themselves. */
export const listInvitations = allowedTo('read people')
  .output(Output)
  .query(async ({ ctx }) => {
    const manageable = manageableRoles(ctx.signedIn.user.role)
    return (await list(ctx.deps)).map((row) => ({ ...row, mayBeChanged: manageable.includes(row.role) }))
  })
