import { z } from 'zod'
import { changePassword as change } from '../../auth/change-password.ts'
import { allowedTo } from '../procedure.ts'

const Password = z.string().min(1).max(1024)

/** One's own password, against the old one; all other sessions end. */
export const changePassword = allowedTo('sign in and manage their own sessions')
  .input(z.strictObject({ oldPassword: Password, newPassword: Password }))
  .output(z.object({ sessionsEnded: z.number() }))
  .mutation(({ ctx, input }) => change(ctx.deps, { ...input, signedIn: ctx.signedIn, ip: ctx.ip }))
