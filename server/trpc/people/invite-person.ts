import { z } from 'zod'
import { invitePerson as invite } from '../../auth/user-invitations.ts'
import { allowedTo } from '../procedure.ts'
import { Email, OfferedLink, RoleName } from './fields.ts'

/** Makes the link by which somebody gets an account with this role. */
export const invitePerson = allowedTo('manage people', { stepUp: true })
  .input(z.strictObject({ email: Email, role: RoleName }))
  .output(OfferedLink)
  .mutation(({ ctx, input }) => invite(ctx.deps, { ...input, by: ctx.signedIn.user.id }))
