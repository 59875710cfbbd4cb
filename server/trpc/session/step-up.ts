import { z } from 'zod'
import { stepUp as prove } from '../../auth/step-up.ts'
import { allowedTo } from '../procedure.ts'

/** Gives the password again, and a code where there is a second factor, so that this session may do dangerous things for the next minutes. */
export const stepUp = allowedTo('sign in and manage their own sessions')
  .input(z.strictObject({ password: z.string().min(1).max(1024), code: z.string().max(40).optional() }))
  .output(z.object({ until: z.date() }))
  .mutation(({ ctx, input }) => prove(ctx.deps, { ...input, signedIn: ctx.signedIn, ip: ctx.ip }))
