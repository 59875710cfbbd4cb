import { z } from 'zod'
import { MacId } from '#protocol/ids'
import { explainReasons, refusalWord } from '../../fleet/explain-reasons.ts'
import { PastVerdict } from '../../fleet/views.ts'
import { allowedTo } from '../procedure.ts'

const Input = z.strictObject({ mac: MacId, before: z.string().max(64).optional(), limit: z.number().int().min(1).max(100).default(20) })
const Output = z.object({ verdicts: z.array(PastVerdict.extend({ sentence: z.string() })), next: z.string().nullable() })

/** Every decision about a Mac, newest first, each with the policy and the evidence that it rests on. */
export const listVerdicts = allowedTo('read the fleet')
  .input(Input)
  .output(Output)
  .query(async ({ ctx, input }) => {
    const page = await ctx.deps.fleet.listVerdicts(input.mac, { before: input.before, limit: input.limit })
    return { ...page, verdicts: page.verdicts.map((verdict) => ({ ...verdict, sentence: sentenceOf(verdict) })) }
  })

function sentenceOf({ trust, reasons, waived }: PastVerdict): string {
  const listed = (codes: readonly string[]): string =>
    explainReasons(codes)
      .map(({ sentence }) => sentence)
      .join(' ')
  if (trust === 'refused') return `${refusalWord(reasons)}: ${listed(reasons)}`
  return waived.length === 0 ? 'Trusted.' : `Trusted, with a waiver of: ${listed(waived)}`
}
