import { z } from 'zod'
import { allowedTo } from '../procedure.ts'

/** Apple's file is about 4 KB. */
const MAX_BASE64_LENGTH = 90_000

/** Takes the server token (.p7m) that Apple Business made, proves it with Apple, and reads the list of Macs. */
export const installToken = allowedTo('manage Apple Business', { stepUp: true })
  .input(z.strictObject({ link: z.string().max(64), file: z.base64().max(MAX_BASE64_LENGTH) }))
  .output(z.object({ server: z.string(), organization: z.string().nullable(), expiresAt: z.date() }))
  .mutation(({ ctx, input }) =>
    ctx.deps.appleBusiness.installToken({
      link: input.link,
      file: new Uint8Array(Buffer.from(input.file, 'base64')),
      by: `user:${ctx.signedIn.user.id}`,
    }),
  )
