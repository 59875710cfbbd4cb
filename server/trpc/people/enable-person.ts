import { z } from 'zod'
import { enablePerson as enable } from '../../auth/people.ts'
import { allowedTo } from '../procedure.ts'
import { PersonId } from './fields.ts'

/** Password and API keys count again. */
export const enablePerson = allowedTo('manage people', { stepUp: true })
  .input(z.strictObject({ person: PersonId }))
  .output(z.object({ person: z.string() }))
  .mutation(async ({ ctx, input }) => {
    await enable(ctx.deps, { userId: input.person, by: ctx.signedIn.user.id })
    return input
  })
