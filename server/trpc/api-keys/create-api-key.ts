import { z } from 'zod'
import { createApiKey as create } from '../../auth/api-keys.ts'
import { ALL_SCOPES } from '../../auth/permissions.ts'
import { allowedTo } from '../procedure.ts'

const MAX_LIFE_DAYS = 365

const Input = z.strictObject({
  name: z.string().trim().min(1, 'Give the key a name.').max(80),
  scopes: z.array(z.enum(ALL_SCOPES)).min(1, 'Choose at least one scope.'),
  /** Null: never. */
  expiresInDays: z.number().int().min(1).max(MAX_LIFE_DAYS).nullable(),
})
const Output = z.object({
  id: z.string(),
  /** Shown this once. */
  key: z.string(),
  prefix: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(ALL_SCOPES)),
  expiresAt: z.date().nullable(),
})

export const createApiKey = allowedTo('manage their own API keys', { stepUp: true })
  .input(Input)
  .output(Output)
  .mutation(({ ctx, input }) => {
    const { expiresInDays, name, scopes } = input
    const expiresAt = expiresInDays === null ? null : new Date(ctx.deps.clock.now().getTime() + expiresInDays * 24 * 3600_000)
    return create(ctx.deps, { owner: ctx.signedIn.user, name, scopes, expiresAt })
  })
