import { z } from 'zod'
import { confirmNewSecondFactor } from '../../auth/second-factor.ts'
import { allowedTo } from '../procedure.ts'

/** The app's first code; the answer holds the recovery codes, this once. */
export const confirmSecondFactor = allowedTo('sign in and manage their own sessions', { stepUp: true })
  .input(z.strictObject({ code: z.string().max(40) }))
  .output(z.object({ recoveryCodes: z.array(z.string()) }))
  .mutation(({ ctx, input }) => confirmNewSecondFactor(ctx.deps, ctx.signedIn.user, input.code))
