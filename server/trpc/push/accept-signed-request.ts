import { z } from 'zod'
import { allowedTo } from '../procedure.ts'
import { bytesOf, File, stepResult } from './uploads.ts'

/** Takes the request that a vendor signed elsewhere, if it is ours and the signature holds. */
export const acceptSignedRequest = allowedTo('manage the push certificate')
  .input(z.strictObject({ file: File }))
  .output(stepResult({ vendorName: z.string() }))
  .mutation(({ ctx, input }) => ctx.deps.push.acceptSigned(bytesOf(input.file), `user:${ctx.signedIn.user.id}`))
