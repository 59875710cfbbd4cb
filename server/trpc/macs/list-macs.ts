import { MacList, MacListQuery } from '../ports.ts'
import { allowedTo } from '../procedure.ts'

/** Filtered, sorted and paged here, never in the browser. */
export const listMacs = allowedTo('read the fleet')
  .input(MacListQuery)
  .output(MacList)
  .query(({ ctx, input }) => ctx.deps.fleet.listMacs(input))
