import { z } from 'zod'
import { offerReset as offer } from '../../auth/user-invitations.ts'
import { allowedTo } from '../procedure.ts'
import { OfferedLink, PersonId } from './fields.ts'

/** Makes the link by which somebody who lost the password, or the second factor with it, gets a new one. */
export const offerReset = allowedTo('manage people', { stepUp: true })
  .input(z.strictObject({ person: PersonId, removesSecondFactor: z.boolean() }))
  .output(OfferedLink)
  .mutation(({ ctx, input }) =>
    offer(ctx.deps, { userId: input.person, removesSecondFactor: input.removesSecondFactor, by: ctx.signedIn.user.id }),
  )
