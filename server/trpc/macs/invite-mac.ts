import { z } from 'zod'
import { MacId } from '#protocol/ids'
import { allowedTo } from '../procedure.ts'

/** Apple’s serial numbers: 8 to 14 capital letters and digits today; longer is allowed for what comes. */
const Serial = z
  .string()
  .trim()
  .toUpperCase()
  .regex(/^[A-Z0-9-]{6,32}$/, 'A serial number has 6 to 32 letters and digits. Find it under Apple menu → About This Mac.')

/** Makes a one-time link with which one Mac, named by its serial number, may enroll. `scep`: without attestation, never to be trusted. */
export const inviteMac = allowedTo('invite Macs')
  .input(z.strictObject({ serial: Serial, identity: z.enum(['acme', 'scep']).default('acme') }))
  .output(z.object({ mac: MacId, serial: z.string(), url: z.string(), expiresAt: z.date() }))
  .mutation(async ({ ctx, input }) => {
    const invitation = await ctx.deps.fleet.inviteMac({
      ...{ serial: input.serial, identityKind: input.identity },
      by: `user:${ctx.signedIn.user.id}`,
    })
    return { ...invitation, serial: input.serial }
  })
