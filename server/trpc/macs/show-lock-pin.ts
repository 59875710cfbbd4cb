import { z } from 'zod'
import { MacId } from '#protocol/ids'
import { LockPin } from '../../fleet/mac-action-views.ts'
import { allowedTo } from '../procedure.ts'

/** The PINs of a Mac’s last locks. A mutation, because it goes on record. */
export const showLockPin = allowedTo('restart, lock or erase Macs', { stepUp: true })
  .input(z.strictObject({ mac: MacId }))
  .output(LockPin.extend({ earlier: z.array(LockPin) }))
  .mutation(({ ctx, input }) => ctx.deps.macActions.showLockPin({ mac: input.mac, by: `user:${ctx.signedIn.user.id}` }))
