import { z } from 'zod'
import { explainReasons } from '../../fleet/explain-reasons.ts'
import { MacList, MacListQuery, MacSummary } from '../../fleet/views.ts'
import { allowedTo } from '../procedure.ts'

const Output = MacList.extend({
  rows: z.array(
    MacSummary.extend({
      /** Why it is refused, in one sentence: the reason to deal with first. */
      reason: z.string().nullable(),
    }),
  ),
})

/** Filtered, sorted and paged here, never in the browser. */
export const listMacs = allowedTo('read the fleet')
  .input(MacListQuery)
  .output(Output)
  .query(async ({ ctx, input }) => {
    const list = await ctx.deps.fleet.listMacs(input)
    const withReason = list.rows.map((mac) => ({
      ...mac,
      reason: mac.trust === 'refused' ? (explainReasons(mac.reasons)[0]?.sentence ?? null) : null,
    }))
    return { ...list, rows: withReason }
  })
