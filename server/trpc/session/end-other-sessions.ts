import { z } from 'zod'
import { endOtherSessions as end } from '../../auth/sessions.ts'
import { allowedTo } from '../procedure.ts'

/** Signs the caller out everywhere but here. */
export const endOtherSessions = allowedTo('sign in and manage their own sessions')
  .output(z.object({ count: z.number() }))
  .mutation(async ({ ctx }) => ({ count: await end(ctx.deps, ctx.signedIn) }))
