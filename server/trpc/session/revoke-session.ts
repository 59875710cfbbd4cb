import { z } from 'zod'
import { revokeSession as revoke } from '../../auth/sessions.ts'
import { allowedTo } from '../procedure.ts'

/** Ends one of the caller's own sessions; its next request is refused. */
export const revokeSession = allowedTo('sign in and manage their own sessions')
  .input(z.strictObject({ id: z.string().max(64) }))
  .output(z.object({ id: z.string() }))
  .mutation(async ({ ctx, input }) => {
    await revoke(ctx.deps, { sessionId: input.id, userId: ctx.signedIn.user.id })
    return { id: input.id }
  })
