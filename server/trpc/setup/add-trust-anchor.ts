import { z } from 'zod'
import { allowedTo } from '../procedure.ts'
import { bytesOf, File } from '../push/uploads.ts'

/** Lists the root of the company’s own authority: enrolled Macs are told to trust it, and Apple Business gives it to new ones. */
export const addTrustAnchor = allowedTo('change the set-up', { stepUp: true })
  .input(z.strictObject({ file: File }))
  .output(z.object({ sha256: z.string(), subject: z.string() }))
  .mutation(({ ctx, input }) => ctx.deps.setup.addAnchor(bytesOf(input.file), `user:${ctx.signedIn.user.id}`))
