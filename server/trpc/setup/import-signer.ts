import { z } from 'zod'
import { allowedTo } from '../procedure.ts'
import { bytesOf, File, Password } from '../push/uploads.ts'

/** Signs enrollment profiles with the company’s own certificate from now on; its key is kept sealed. */
export const importSigner = allowedTo('change the set-up', { stepUp: true })
  .input(z.strictObject({ file: File, password: Password }))
  .output(z.object({ subject: z.string(), notAfter: z.date() }))
  .mutation(({ ctx, input }) =>
    ctx.deps.setup.importSigner({ file: bytesOf(input.file), password: input.password }, `user:${ctx.signedIn.user.id}`),
  )
