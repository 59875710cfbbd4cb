import { z } from 'zod'
import { allowedTo } from '../procedure.ts'

/** Makes the key pair of a new link; the certificate is for Apple Business. */
export const createLink = allowedTo('manage Apple Business', { stepUp: true })
  .output(z.object({ link: z.string(), certificatePem: z.string() }))
  .mutation(({ ctx }) => ctx.deps.appleBusiness.createLink(`user:${ctx.signedIn.user.id}`))
