import { z } from 'zod'
import { listOwnSessions } from '../../auth/sessions.ts'
import { allowedTo } from '../procedure.ts'

const Output = z.array(
  z.object({
    id: z.string(),
    isThisOne: z.boolean(),
    createdAt: z.date(),
    lastSeenAt: z.date(),
    expiresAt: z.date(),
    ip: z.string(),
    userAgent: z.string(),
  }),
)

export const listMySessions = allowedTo('sign in and manage their own sessions')
  .output(Output)
  .query(async ({ ctx }) => {
    const sessions = await listOwnSessions(ctx.deps, ctx.signedIn.user.id)
    return sessions.map((session) => ({ ...session, isThisOne: session.id === ctx.signedIn.sessionId }))
  })
