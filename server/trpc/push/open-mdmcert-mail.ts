import { z } from 'zod'
import { allowedTo } from '../procedure.ts'
import { bytesOf, File, stepResult } from './uploads.ts'

/** Opens the encrypted attachment of mdmcert.download’s mail. */
export const openMdmcertMail = allowedTo('manage the push certificate')
  .input(z.strictObject({ file: File }))
  .output(stepResult({ vendorName: z.string() }))
  .mutation(({ ctx, input }) => ctx.deps.push.openMail(bytesOf(input.file), `user:${ctx.signedIn.user.id}`))
