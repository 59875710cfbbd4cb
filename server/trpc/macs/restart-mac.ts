import { z } from 'zod'
import { MacId } from '#protocol/ids'
import { allowedTo } from '../procedure.ts'

/** Restarts a Mac over MDM; with `notifiesUser` its user is asked and may put it off. */
export const restartMac = allowedTo('restart, lock or erase Macs', { stepUp: true })
  .input(z.strictObject({ mac: MacId, notifiesUser: z.boolean().default(false) }))
  .output(z.object({ mac: MacId }))
  .mutation(async ({ ctx, input }) => {
    await ctx.deps.macActions.restart({ ...input, by: `user:${ctx.signedIn.user.id}` })
    return { mac: input.mac }
  })
