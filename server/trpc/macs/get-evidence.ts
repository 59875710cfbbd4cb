import { z } from 'zod'
import { AppError } from '../../errors.ts'
import { EvidenceView } from '../../fleet/views.ts'
import { allowedTo } from '../procedure.ts'

/** One item of evidence exactly as it was received, with what was read from it. */
export const getEvidence = allowedTo('read evidence')
  .input(z.strictObject({ digest: z.string().regex(/^[0-9a-f]{64}$/) }))
  .output(EvidenceView)
  .query(async ({ ctx, input }) => {
    const evidence = await ctx.deps.fleet.getEvidence(input.digest)
    if (evidence === undefined) throw new AppError('not_found', { public: 'No evidence is kept under that digest.' })
    return evidence
  })
