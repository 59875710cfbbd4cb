import { z } from 'zod'
import { MacId } from '#protocol/ids'
import { allowedTo } from '../procedure.ts'
import { describeEvent, EventView } from './describe-event.ts'

const Input = z.strictObject({ mac: MacId, before: z.string().max(64).optional(), limit: z.number().int().min(1).max(100).default(30) })
const Output = z.object({ events: z.array(EventView), next: z.string().nullable() })

/** A Mac's timeline, newest first. */
export const listMacEvents = allowedTo('read the fleet')
  .input(Input)
  .output(Output)
  .query(async ({ ctx, input }) => {
    const page = await ctx.deps.fleet.listEvents(input.mac, { before: input.before, limit: input.limit })
    return { events: page.events.map(describeEvent), next: page.next }
  })
