import { z } from 'zod'
import { lookAtInvitation as look } from '../../auth/accept-invitation.ts'
import { openTo } from '../procedure.ts'
import { InvitationToken, RoleName } from './fields.ts'

const Output = z.object({
  purpose: z.enum(['join', 'reset']),
  email: z.string(),
  role: RoleName,
  name: z.string().nullable(),
  expiresAt: z.date(),
})

/** What a link is for. A mutation, so that its token stands in a body and never in an address. */
export const lookAtInvitation = openTo('whoever holds an invitation')
  .input(z.strictObject({ token: InvitationToken }))
  .output(Output)
  .mutation(({ ctx, input }) => look(ctx.deps, { token: input.token, ip: ctx.ip }))
