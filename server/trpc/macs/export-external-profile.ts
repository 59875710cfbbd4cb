import { z } from 'zod'
import { MacId } from '#protocol/ids'
import { allowedTo } from '../procedure.ts'

/** For one Mac that another MDM server manages: the profile which that server installs. It is good once, for this Mac. */
export const exportExternalProfile = allowedTo('invite Macs')
  .input(z.strictObject({ serial: z.string().trim().toUpperCase().min(1).max(64) }))
  .output(z.object({ mac: MacId, fileName: z.string(), profile: z.string(), expiresAt: z.date() }))
  .mutation(async ({ ctx, input }) => {
    const by = `user:${ctx.signedIn.user.id}` as const
    const { mac, profile, expiresAt } = await ctx.deps.fleet.exportExternalProfile({ serial: input.serial, by })
    return { mac, fileName: `${input.serial}.mobileconfig`, profile: new TextDecoder().decode(profile), expiresAt }
  })
