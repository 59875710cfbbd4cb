import { z } from 'zod'
import { revokeInvitation as revoke } from '../../auth/user-invitations.ts'
import { allowedTo } from '../procedure.ts'
import { UserInvitationId } from './fields.ts'

/** Ends a link that nobody has used yet. */
export const revokeInvitation = allowedTo('manage people', { stepUp: true })
  .input(z.strictObject({ id: UserInvitationId }))
  .output(z.object({ id: z.string() }))
  .mutation(async ({ ctx, input }) => {
    await revoke(ctx.deps, { id: input.id, by: ctx.signedIn.user.id })
    return { id: input.id }
  })
