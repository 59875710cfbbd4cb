import { z } from 'zod'
import { allowedTo } from '../procedure.ts'
import { stepResult } from './uploads.ts'

/** Makes the key and the request; the key stays here, sealed. */
export const createPushRequest = allowedTo('manage the push certificate')
  .input(z.strictObject({ organization: z.string().max(200), email: z.string().max(300) }))
  .output(stepResult({}))
  .mutation(({ ctx, input }) => ctx.deps.push.createRequest(input, `user:${ctx.signedIn.user.id}`))
