import { z } from 'zod'
import { allowedTo } from '../procedure.ts'
import { stepResult } from './uploads.ts'

/** Sends the request to mdmcert.download; the answer comes by mail. */
export const sendToMdmcert = allowedTo('manage the push certificate')
  .input(z.strictObject({ apiKey: z.string().trim().min(1).max(200), email: z.email().max(300).optional() }))
  .output(stepResult({ email: z.string() }))
  .mutation(({ ctx, input }) => ctx.deps.push.sendToMdmcert(input, `user:${ctx.signedIn.user.id}`))
