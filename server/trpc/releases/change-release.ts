import { z } from 'zod'
import { ReleaseChange } from '../../releases/views.ts'
import { allowedTo } from '../procedure.ts'

/** Starts a roll-out, stops it, lets it go on, or takes it back. */
export const changeRelease = allowedTo('manage agent releases', { stepUp: true })
  .input(z.strictObject({ id: z.string().max(64), change: ReleaseChange }))
  .output(z.object({ id: z.string() }))
  .mutation(async ({ ctx, input }) => {
    await ctx.deps.releases.change(input, `user:${ctx.signedIn.user.id}`)
    return { id: input.id }
  })
