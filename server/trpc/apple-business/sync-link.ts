import { z } from 'zod'
import { allowedTo } from '../procedure.ts'

/** Reads from Apple now what would be read within the hour. */
export const syncLink = allowedTo('manage Apple Business')
  .input(z.strictObject({ link: z.string().max(64) }))
  .output(z.object({ link: z.string() }))
  .mutation(async ({ ctx, input }) => {
    await ctx.deps.appleBusiness.syncNow(input.link)
    return { link: input.link }
  })
