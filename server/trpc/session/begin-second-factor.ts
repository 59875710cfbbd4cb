import { z } from 'zod'
import { beginSecondFactor as begin } from '../../auth/second-factor.ts'
import { allowedTo } from '../procedure.ts'

/** A new secret for the caller's authenticator app; nothing is asked for until a first code confirms it. */
export const beginSecondFactor = allowedTo('sign in and manage their own sessions', { stepUp: true })
  .output(z.object({ secret: z.string(), uri: z.string() }))
  .mutation(({ ctx }) => begin(ctx.deps, ctx.signedIn.user))
