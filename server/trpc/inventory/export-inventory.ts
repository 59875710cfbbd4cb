import { z } from 'zod'
import { allowedTo } from '../procedure.ts'

/** The whole inventory as CSV. A mutation, because the trail says who took it. */
export const exportInventory = allowedTo('import the inventory')
  .output(z.object({ csv: z.string(), macs: z.number().int() }))
  .mutation(({ ctx }) => ctx.deps.setup.exportInventory(`user:${ctx.signedIn.user.id}`))
