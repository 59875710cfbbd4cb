import { z } from 'zod'
import { AddRelease } from '../../releases/views.ts'
import { allowedTo } from '../procedure.ts'

/** Lists a release of the agent; it goes nowhere until it is started. */
export const addRelease = allowedTo('manage agent releases', { stepUp: true })
  .input(AddRelease)
  .output(z.object({ id: z.string() }))
  .mutation(({ ctx, input }) => ctx.deps.releases.add(input, `user:${ctx.signedIn.user.id}`))
