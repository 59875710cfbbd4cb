import { z } from 'zod'
import { allowedTo } from '../procedure.ts'

/** Forgets a link's key and token. Enrolled Macs stay enrolled. */
export const removeLink = allowedTo('manage Apple Business', { stepUp: true })
  .input(z.strictObject({ link: z.string().max(64) }))
  .output(z.object({ link: z.string() }))
  .mutation(async ({ ctx, input }) => {
    await ctx.deps.appleBusiness.removeLink({ link: input.link, by: `user:${ctx.signedIn.user.id}` })
    return { link: input.link }
  })
