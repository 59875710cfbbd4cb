import { z } from 'zod'
import { can, PERMISSIONS, ROLES } from '../../auth/permissions.ts'
import { allowedTo } from '../procedure.ts'

const Output = z.object({
  mode: z.enum(['evaluation', 'production']),
  publicUrl: z.string(),
  sessionId: z.string(),
  user: z.object({ id: z.string(), email: z.string(), name: z.string(), role: z.enum(ROLES) }),
  may: z.array(z.enum(PERMISSIONS)),
})

/** Who is signed in and what they may do, so that the console offers nothing that would be refused. */
export const getSession = allowedTo('sign in and manage their own sessions')
  .output(Output)
  .query(({ ctx }) => ({
    mode: ctx.deps.mode,
    publicUrl: ctx.deps.publicUrl.origin,
    sessionId: ctx.signedIn.sessionId,
    user: ctx.signedIn.user,
    may: PERMISSIONS.filter((permission) => can(ctx.signedIn.user.role, permission)),
  }))
