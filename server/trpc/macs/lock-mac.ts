import { z } from 'zod'
import { MacId } from '#protocol/ids'
import { allowedTo } from '../procedure.ts'

/** Shown on the locked Mac; an empty one is none. */
const Message = z.string().trim().max(256, 'A message has at most 256 characters.').default('')

/** Locks a Mac with a new PIN, without which nobody gets into it again. */
export const lockMac = allowedTo('restart, lock or erase Macs', { stepUp: true })
  .input(z.strictObject({ mac: MacId, message: Message }))
  .output(z.object({ mac: MacId, pin: z.string() }))
  .mutation(async ({ ctx, input }) => {
    const message = input.message === '' ? undefined : input.message
    const { pin } = await ctx.deps.macActions.lock({ mac: input.mac, message, by: `user:${ctx.signedIn.user.id}` })
    return { mac: input.mac, pin }
  })
