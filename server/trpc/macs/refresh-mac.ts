import { z } from 'zod'
import { MacId } from '#protocol/ids'
import { allowedTo } from '../procedure.ts'

/** Has a Mac report its state anew, and Apple attest it where its agent’s key is known. */
export const refreshMac = allowedTo('refresh a Mac’s attestation')
  .input(z.strictObject({ mac: MacId }))
  .output(z.object({ mac: MacId, asksApple: z.boolean() }))
  .mutation(async ({ ctx, input }) => {
    const { asksApple } = await ctx.deps.macActions.refresh({ mac: input.mac, by: `user:${ctx.signedIn.user.id}` })
    return { mac: input.mac, asksApple }
  })
