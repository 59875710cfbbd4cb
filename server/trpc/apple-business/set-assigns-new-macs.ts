import { z } from 'zod'
import { allowedTo } from '../procedure.ts'

/** Whether Macs that Apple Business assigns to this server get the enrollment profile by themselves. */
export const setAssignsNewMacs = allowedTo('manage Apple Business', { stepUp: true })
  .input(z.strictObject({ link: z.string().max(64), assignsNewMacs: z.boolean() }))
  .output(z.object({ link: z.string() }))
  .mutation(async ({ ctx, input }) => {
    await ctx.deps.appleBusiness.setAssignsNewMacs(input.link, input.assignsNewMacs, `user:${ctx.signedIn.user.id}`)
    return { link: input.link }
  })
