import { z } from 'zod'
import { allowedTo } from '../procedure.ts'

/** Macs that enroll from now on are no longer told to trust this authority. */
export const removeTrustAnchor = allowedTo('change the set-up', { stepUp: true })
  .input(z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }))
  .output(z.object({}))
  .mutation(async ({ ctx, input }) => {
    await ctx.deps.setup.removeAnchor(input.sha256, `user:${ctx.signedIn.user.id}`)
    return {}
  })
