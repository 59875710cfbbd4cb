import { z } from 'zod'
import { allowedTo } from '../procedure.ts'

const Input = z.strictObject({
  version: z.number().int().min(1),
  reason: z.string().trim().min(1, 'Say why: whoever proposed it reads this.').max(1000),
})

export const rejectPolicy = allowedTo('approve a policy')
  .input(Input)
  .output(z.object({ version: z.number().int() }))
  .mutation(async ({ ctx, input }) => {
    await ctx.deps.policy.reject(input, ctx.signedIn.user)
    return { version: input.version }
  })
