import { z } from 'zod'
import { renewRecoveryCodes as renew } from '../../auth/second-factor.ts'
import { allowedTo } from '../procedure.ts'

/** New recovery codes, shown this once; the old ones end. */
export const renewRecoveryCodes = allowedTo('sign in and manage their own sessions', { stepUp: true })
  .output(z.object({ recoveryCodes: z.array(z.string()) }))
  .mutation(({ ctx }) => renew(ctx.deps, ctx.signedIn.user))
