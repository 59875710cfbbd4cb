import { z } from 'zod'
import { setSecondFactorRule as set } from '../../auth/second-factor-rules.ts'
import { allowedTo } from '../procedure.ts'
import { RoleName } from './fields.ts'

/** Says whether people of a role need a second factor; only owners do. */
export const setSecondFactorRule = allowedTo('manage people', { stepUp: true })
  .input(z.strictObject({ role: RoleName, isNeeded: z.boolean() }))
  .output(z.object({ role: RoleName, isNeeded: z.boolean() }))
  .mutation(async ({ ctx, input }) => {
    await set(ctx.deps, { ...input, by: ctx.signedIn.user.id })
    return input
  })
