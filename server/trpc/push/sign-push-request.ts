import { z } from 'zod'
import { allowedTo } from '../procedure.ts'
import { bytesOf, File, Password, stepResult } from './uploads.ts'

/** Signs the request with the customer’s own MDM vendor certificate, which is used once and not kept. */
export const signPushRequest = allowedTo('manage the push certificate', { stepUp: true })
  .input(z.strictObject({ file: File, password: Password }))
  .output(stepResult({ vendorName: z.string() }))
  .mutation(({ ctx, input }) =>
    ctx.deps.push.signRequest({ file: bytesOf(input.file), password: input.password }, `user:${ctx.signedIn.user.id}`),
  )
