import { z } from 'zod'
import { fromHex } from '#protocol/bytes'
import { MacId } from '#protocol/ids'
import { AppError } from '../../errors.ts'
import { allowedTo } from '../procedure.ts'

const Which = z.union([z.strictObject({ mac: MacId }), z.strictObject({ certificateSha256: z.string().regex(/^[0-9a-f]{64}$/) })])

/** Ends what a Mac authenticates itself to MDM with. The Mac stays in the inventory and has to enroll anew. */
export const revokeIdentity = allowedTo('revoke Macs', { stepUp: true })
  .input(z.strictObject({ which: Which, reason: z.string().trim().min(3).max(200) }))
  .output(z.object({ revoked: z.number().int() }))
  .mutation(({ ctx, input }) => {
    const by = { reason: input.reason, actor: `user:${ctx.signedIn.user.id}` as const }
    if ('mac' in input.which) return ctx.deps.fleet.revokeIdentity(input.which, by)
    const certificateSha256 = fromHex(input.which.certificateSha256)
    if (certificateSha256 === undefined) throw new AppError('invalid_request', { param: 'certificateSha256' })
    return ctx.deps.fleet.revokeIdentity({ certificateSha256 }, by)
  })
