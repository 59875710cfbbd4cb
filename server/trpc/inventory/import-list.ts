import { z } from 'zod'
import { ImportResult } from '../../setup/views.ts'
import { allowedTo } from '../procedure.ts'
import { ListText } from './list-text.ts'

/** Enters the new Macs of a list into the inventory: all of them or none. `expected`: as many as the preview said. */
export const importList = allowedTo('import the inventory')
  .input(z.strictObject({ text: ListText, expected: z.number().int().min(1) }))
  .output(ImportResult)
  .mutation(({ ctx, input }) => ctx.deps.setup.importList(input, `user:${ctx.signedIn.user.id}`))
