import { z } from 'zod'
import { allowedTo } from '../procedure.ts'

const Input = z.strictObject({
  preview: z.string().min(1).max(64),
  reason: z.string().trim().min(1, 'Say why: whoever approves it reads this.').max(1000),
})

/** Proposes what was previewed. Nothing changes until it is approved. */
export const proposePolicy = allowedTo('propose a policy')
  .input(Input)
  .output(z.object({ version: z.number().int() }))
  .mutation(async ({ ctx, input }) => ({ version: await ctx.deps.policy.propose(input, ctx.signedIn.user) }))
