import { z } from 'zod'
import { revokeApiKey as revoke } from '../../auth/api-keys.ts'
import { allowedTo } from '../procedure.ts'

/** One's own keys, or anyone's with the permission for it; `auth/api-keys.ts` decides which. */
export const revokeApiKey = allowedTo('manage their own API keys')
  .input(z.strictObject({ id: z.string().max(64) }))
  .output(z.object({ id: z.string() }))
  .mutation(async ({ ctx, input }) => {
    await revoke(ctx.deps, { id: input.id, by: ctx.signedIn.user })
    return { id: input.id }
  })
