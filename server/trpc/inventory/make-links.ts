import { z } from 'zod'
import { MAX_LINKS_AT_ONCE } from '../../setup/inventory/invite-many.ts'
import { ManyLinksView } from '../../setup/views.ts'
import { allowedTo } from '../procedure.ts'

const Serial = z.string().regex(/^[A-Z0-9]{8,14}$/, 'A serial number has 8 to 14 capital letters and digits.')

/** One-time enrollment links for Macs of the inventory, as CSV that is shown this once. */
export const makeLinks = allowedTo('invite Macs')
  .input(z.strictObject({ serials: z.array(Serial).min(1).max(MAX_LINKS_AT_ONCE), hasHead: z.boolean().default(true) }))
  .output(ManyLinksView)
  .mutation(({ ctx, input }) => ctx.deps.setup.inviteMany(input, `user:${ctx.signedIn.user.id}`))
