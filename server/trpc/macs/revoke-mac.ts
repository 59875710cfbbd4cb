import { z } from 'zod'
import { MacId } from '#protocol/ids'
import { allowedTo } from '../procedure.ts'

/** Ends a Mac's part in the fleet at once. */
export const revokeMac = allowedTo('revoke Macs', { stepUp: true })
  .input(z.strictObject({ mac: MacId }))
  .output(z.object({ mac: MacId }))
  .mutation(async ({ ctx, input }) => {
    await ctx.deps.fleet.revokeMac({ mac: input.mac, by: `user:${ctx.signedIn.user.id}` })
    return { mac: input.mac }
  })
