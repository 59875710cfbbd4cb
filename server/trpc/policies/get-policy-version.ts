import { z } from 'zod'
import { VersionDetail } from '../../policy/views.ts'
import { allowedTo } from '../procedure.ts'

/** One version, and what the one who asks may do with it. */
export const getPolicyVersion = allowedTo('read the policy')
  .input(z.strictObject({ version: z.number().int().min(1) }))
  .output(VersionDetail)
  .query(({ ctx, input }) => ctx.deps.policy.getVersion(input.version, ctx.signedIn.user))
