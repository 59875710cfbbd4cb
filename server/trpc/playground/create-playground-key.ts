import { z } from 'zod'
import { createPlaygroundKey as create } from '../../auth/api-keys.ts'
import { allowedTo } from '../procedure.ts'

/** A short-lived key, so that the playground speaks to `/v1` exactly as any other client does. */
export const createPlaygroundKey = allowedTo('send inference requests')
  .output(z.object({ key: z.string(), expiresAt: z.date() }))
  .mutation(async ({ ctx }) => {
    const { key, expiresAt } = await create(ctx.deps, ctx.signedIn.user)
    return { key, expiresAt: expiresAt as Date }
  })
