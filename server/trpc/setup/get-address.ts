import { z } from 'zod'
import { AddressView } from '../../setup/views.ts'
import { allowedTo } from '../procedure.ts'

/** What stands at the public address, and who vouches for its certificate. `again`: looks now, and not at what was seen lately. */
export const getAddress = allowedTo('read the set-up')
  .input(z.strictObject({ again: z.boolean().default(false) }))
  .output(AddressView)
  .query(({ ctx, input }) => ctx.deps.setup.readAddress(input))
