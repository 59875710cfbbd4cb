import { z } from 'zod'
import { removeOwnSecondFactor } from '../../auth/second-factor.ts'
import { allowedTo } from '../procedure.ts'

/** The password alone is enough again; refused where the role needs a second factor. */
export const removeSecondFactor = allowedTo('sign in and manage their own sessions', { stepUp: true })
  .output(z.object({ isOn: z.literal(false) }))
  .mutation(async ({ ctx }) => {
    await removeOwnSecondFactor(ctx.deps, ctx.signedIn.user)
    return { isOn: false as const }
  })
