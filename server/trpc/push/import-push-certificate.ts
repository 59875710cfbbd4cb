import { z } from 'zod'
import { allowedTo } from '../procedure.ts'
import { bytesOf, File, Password, stepResult } from './uploads.ts'

/** Puts Apple’s certificate in force. Another topic than that of the enrolled Macs is refused, with their number. */
export const importPushCertificate = allowedTo('manage the push certificate', { stepUp: true })
  .input(z.strictObject({ file: File, password: Password }))
  .output(stepResult({ topic: z.string(), isRenewal: z.boolean(), macsLost: z.number().int() }))
  .mutation(({ ctx, input }) =>
    ctx.deps.push.install({ file: bytesOf(input.file), password: input.password }, `user:${ctx.signedIn.user.id}`),
  )
