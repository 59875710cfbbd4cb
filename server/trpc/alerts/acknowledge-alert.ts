import { z } from 'zod'
import { createAlerts } from '../../alerts/alerts.ts'
import { allowedTo } from '../procedure.ts'

/** Takes an alert out of the banner, in the name of whoever asks. It stays open until its cause is gone. */
export const acknowledgeAlert = allowedTo('acknowledge alerts')
  .input(z.strictObject({ id: z.string().min(1).max(64) }))
  .output(z.object({ id: z.string() }))
  .mutation(async ({ ctx, input: { id } }) => {
    await createAlerts(ctx.deps).acknowledge(id, `user:${ctx.signedIn.user.id}`)
    return { id }
  })
