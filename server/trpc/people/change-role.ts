import { z } from 'zod'
import { changeRole as change } from '../../auth/people.ts'
import { allowedTo } from '../procedure.ts'
import { PersonId, RoleName } from './fields.ts'

/** Takes effect at the person's next request. */
export const changeRole = allowedTo('manage people', { stepUp: true })
  .input(z.strictObject({ person: PersonId, role: RoleName }))
  .output(z.object({ person: z.string(), role: RoleName }))
  .mutation(async ({ ctx, input }) => {
    await change(ctx.deps, { userId: input.person, role: input.role, by: ctx.signedIn.user.id })
    return input
  })
