import { z } from 'zod'
import { MacId } from '#protocol/ids'
import { allowedTo } from '../procedure.ts'

/** Asks a Mac now for a new MDM identity. The one in use stays good until the new one is first used. */
export const renewIdentity = allowedTo('refresh a Mac’s attestation')
  .input(z.strictObject({ mac: MacId }))
  .output(z.object({ mac: MacId }))
  .mutation(async ({ ctx, input }) => {
    await ctx.deps.fleet.renewIdentity(input.mac, `user:${ctx.signedIn.user.id}`)
    return { mac: input.mac }
  })
