import { z } from 'zod'
import { Overview } from '../../fleet/views.ts'
import { describeEvent, EventView } from '../macs/describe-event.ts'
import { allowedTo } from '../procedure.ts'

const RECENT_EVENTS = 8

/** The fleet at a glance. */
export const getOverview = allowedTo('read the fleet')
  .output(Overview.extend({ recent: z.array(EventView) }))
  .query(async ({ ctx }) => {
    const [overview, recent] = await Promise.all([ctx.deps.fleet.overview(), ctx.deps.fleet.recentEvents(RECENT_EVENTS)])
    return { ...overview, recent: recent.map(describeEvent) }
  })
