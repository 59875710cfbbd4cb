import { z } from 'zod'
import { MacId } from '#protocol/ids'
import { AppError } from '../../errors.ts'
import { MacDetail } from '../../fleet/views.ts'
import { allowedTo } from '../procedure.ts'
import { explainTrust } from './explain-trust.ts'

const ExplainedReason = z.object({ code: z.string(), sentence: z.string(), remedy: z.string() })
const Output = MacDetail.extend({
  /** The verdict in one sentence, and what to do about it. */
  explanation: z.object({ sentence: z.string(), remedy: z.string().nullable(), others: z.array(ExplainedReason) }),
})

export const getMac = allowedTo('read the fleet')
  .input(z.strictObject({ mac: MacId }))
  .output(Output)
  .query(async ({ ctx, input }) => {
    const mac = await ctx.deps.fleet.getMac(input.mac)
    if (mac === undefined) throw new AppError('not_found', { public: 'No Mac of this inventory has that id.' })
    return { ...mac, explanation: explainTrust(mac) }
  })
