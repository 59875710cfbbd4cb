import { z } from 'zod'
import { MacId } from '#protocol/ids'
import { allowedTo } from '../procedure.ts'

/** Erases a Mac. Its serial number is typed, so that the wrong page open is not enough. */
export const eraseMac = allowedTo('restart, lock or erase Macs', { stepUp: true })
  .input(z.strictObject({ mac: MacId, serial: z.string().trim().min(1, 'Type the serial number of the Mac.').max(32) }))
  .output(z.object({ mac: MacId }))
  .mutation(async ({ ctx, input }) => {
    await ctx.deps.macActions.erase({ ...input, by: `user:${ctx.signedIn.user.id}` })
    return { mac: input.mac }
  })
