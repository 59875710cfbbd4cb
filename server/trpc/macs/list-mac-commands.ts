import { z } from 'zod'
import { MacId } from '#protocol/ids'
import { MacCommand } from '../../fleet/mac-action-views.ts'
import { allowedTo } from '../procedure.ts'

/** The last commands that a Mac was sent over MDM, newest first, without what they carry. */
export const listMacCommands = allowedTo('read the fleet')
  .input(z.strictObject({ mac: MacId, limit: z.number().int().min(1).max(100).default(20) }))
  .output(z.object({ commands: z.array(MacCommand) }))
  .query(async ({ ctx, input }) => ({ commands: await ctx.deps.macActions.listCommands(input.mac, input.limit) }))
