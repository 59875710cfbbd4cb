import { z } from 'zod'
import { acceptInvitation as accept } from '../../auth/accept-invitation.ts'
import { openTo } from '../procedure.ts'
import { InvitationToken, Password, PersonName } from './fields.ts'

/** Sets the password that the person chose; the name counts for a new account only. */
export const acceptInvitation = openTo('whoever holds an invitation')
  .input(z.strictObject({ token: InvitationToken, name: PersonName, password: Password }))
  .output(z.object({ email: z.string() }))
  .mutation(({ ctx, input }) => accept(ctx.deps, { ...input, ip: ctx.ip }))
