import { z } from 'zod'
import { allowedTo } from '../procedure.ts'

const Input = z.strictObject({ version: z.number().int().min(1), reason: z.string().trim().max(1000).default('') })

/** Takes back one's own proposal. */
export const withdrawPolicy = allowedTo('propose a policy')
  .input(Input)
  .output(z.object({ version: z.number().int() }))
  .mutation(async ({ ctx, input }) => {
    const reason = input.reason === '' ? null : input.reason
    await ctx.deps.policy.withdraw({ version: input.version, reason }, ctx.signedIn.user)
    return { version: input.version }
  })
