import { z } from 'zod'
import { ImportPreview } from '../../setup/views.ts'
import { allowedTo } from '../procedure.ts'
import { ListText } from './list-text.ts'

/** What importing this list would do, and what is wrong with which line. Changes nothing; a mutation because a list is too long for an address. */
export const previewList = allowedTo('import the inventory')
  .input(z.strictObject({ text: ListText }))
  .output(ImportPreview)
  .mutation(({ ctx, input }) => ctx.deps.setup.previewImport(input.text))
