import { z } from 'zod'
import { RingChange } from '../../releases/views.ts'
import { allowedTo } from '../procedure.ts'

/** Says when releases of the agent reach these Macs: first of all, early, or with all the others. */
export const putInRing = allowedTo('manage agent releases', { stepUp: true })
  .input(RingChange)
  .output(z.object({ changed: z.number().int() }))
  .mutation(async ({ ctx, input }) => ({ changed: await ctx.deps.releases.putInRing(input, `user:${ctx.signedIn.user.id}`) }))
