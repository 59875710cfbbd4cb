import { z } from 'zod'
import { MacId } from '#protocol/ids'
import { allowedTo } from '../procedure.ts'

/** Lets a Mac out of quarantine, with the reason why a person believes it again. */
export const releaseMac = allowedTo('release Macs from quarantine', { stepUp: true })
  .input(z.strictObject({ mac: MacId, note: z.string().trim().min(10, 'Say in a sentence why the Mac may be believed again.').max(500) }))
  .output(z.object({ mac: MacId }))
  .mutation(async ({ ctx, input }) => {
    await ctx.deps.fleet.releaseMac({ ...input, by: `user:${ctx.signedIn.user.id}` })
    return { mac: input.mac }
  })
