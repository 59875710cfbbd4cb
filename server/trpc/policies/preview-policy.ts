import { z } from 'zod'
import { Moves, PolicyDraft } from '../../policy/draft.ts'
import { allowedTo } from '../procedure.ts'

const Input = z.union([
  z.strictObject({ draft: PolicyDraft, moves: Moves.default([]) }),
  /** A proposal that waits. */
  z.strictObject({ version: z.number().int().min(1) }),
])

/** Starts to judge every Mac by another policy; nothing changes. `getPolicyPreview` tells how far it is. */
export const previewPolicy = allowedTo('propose a policy')
  .input(Input)
  .output(z.object({ preview: z.string() }))
  .mutation(async ({ ctx, input }) => ({ preview: await ctx.deps.policy.startPreview(input, ctx.signedIn.user) }))
