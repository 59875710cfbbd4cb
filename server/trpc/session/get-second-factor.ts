import { z } from 'zod'
import { readSecondFactor } from '../../auth/second-factor.ts'
import { allowedTo } from '../procedure.ts'

/** How the caller's second factor stands. */
export const getSecondFactor = allowedTo('sign in and manage their own sessions')
  .output(z.object({ isOn: z.boolean(), isNeeded: z.boolean(), recoveryCodesLeft: z.number() }))
  .query(({ ctx }) => readSecondFactor(ctx.deps, ctx.signedIn.user))
