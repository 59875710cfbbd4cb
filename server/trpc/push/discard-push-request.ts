import { allowedTo } from '../procedure.ts'
import { stepResult } from './uploads.ts'

/** Forgets the request and its key: a certificate that Apple gives for it is worth nothing afterwards. */
export const discardPushRequest = allowedTo('manage the push certificate', { stepUp: true })
  .output(stepResult({}))
  .mutation(({ ctx }) => ctx.deps.push.discardRequest(`user:${ctx.signedIn.user.id}`))
