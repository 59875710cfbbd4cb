import { z } from 'zod'
import { disablePerson as disable } from '../../auth/people.ts'
import { allowedTo } from '../procedure.ts'
import { PersonId } from './fields.ts'

/** Ends a person's sessions and stops their API keys at once; says how many of each. */
export const disablePerson = allowedTo('manage people', { stepUp: true })
  .input(z.strictObject({ person: PersonId }))
  .output(z.object({ sessionsEnded: z.number(), apiKeysStopped: z.number() }))
  .mutation(({ ctx, input }) => disable(ctx.deps, { userId: input.person, by: ctx.signedIn.user.id }))
