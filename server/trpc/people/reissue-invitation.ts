import { z } from 'zod'
import { reissueInvitation as reissue } from '../../auth/user-invitations.ts'
import { allowedTo } from '../procedure.ts'
import { OfferedLink, UserInvitationId } from './fields.ts'

/** A new link in the place of one that was lost; the old one ends. */
export const reissueInvitation = allowedTo('manage people', { stepUp: true })
  .input(z.strictObject({ id: UserInvitationId }))
  .output(OfferedLink)
  .mutation(({ ctx, input }) => reissue(ctx.deps, { id: input.id, by: ctx.signedIn.user.id }))
