import { z } from 'zod'
import { allowedTo } from '../procedure.ts'

/** Forgets the company’s signing certificate with its key; this installation’s own signs again. */
export const removeSigner = allowedTo('change the set-up', { stepUp: true })
  .output(z.object({}))
  .mutation(async ({ ctx }) => {
    await ctx.deps.setup.removeSigner(`user:${ctx.signedIn.user.id}`)
    return {}
  })
