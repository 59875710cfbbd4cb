import { z } from 'zod'
import { VersionSummary } from '../../policy/views.ts'
import { allowedTo } from '../procedure.ts'

const Input = z.strictObject({ before: z.number().int().optional(), limit: z.number().int().min(1).max(50).default(20) })

/** Every version that was ever proposed, newest first. */
export const listPolicyVersions = allowedTo('read the policy')
  .input(Input)
  .output(z.object({ versions: z.array(VersionSummary), next: z.number().int().nullable() }))
  .query(({ ctx, input }) => ctx.deps.policy.listVersions({ before: input.before, limit: input.limit }))
