import { z } from 'zod'
import { allowedTo } from '../procedure.ts'

const Input = z.strictObject({
  version: z.number().int().min(1),
  /** A finished preview of this proposal, not older than half an hour. */
  preview: z.string().min(1).max(64),
  /** There is no second approver, and it may come in force after a day. */
  alone: z.boolean().default(false),
  reason: z.string().trim().max(1000).default(''),
})

/** Puts a proposal in force: at once, or after a day where nobody else could approve it. */
export const approvePolicy = allowedTo('approve a policy', { stepUp: true })
  .input(Input)
  .output(z.object({ state: z.enum(['in force', 'waits']), notBefore: z.date().nullable() }))
  .mutation(({ ctx, input }) => ctx.deps.policy.approve({ ...input, reason: input.reason === '' ? null : input.reason }, ctx.signedIn.user))
