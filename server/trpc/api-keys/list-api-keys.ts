import { z } from 'zod'
import { listVisibleApiKeys } from '../../auth/api-keys.ts'
import { can, grantableScopes } from '../../auth/permissions.ts'
import { allowedTo } from '../procedure.ts'

const Input = z.strictObject({
  /** Leaves out what is expired or revoked, such as every playground key of the past. */
  onlyActive: z.boolean().default(true),
  page: z.number().int().min(1).max(100_000).default(1),
  pageSize: z.number().int().min(1).max(200).default(50),
})
const Output = z.object({
  rows: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      prefix: z.string(),
      scopes: z.array(z.string()),
      state: z.enum(['active', 'expired', 'revoked']),
      owner: z.object({ id: z.string(), name: z.string(), email: z.string() }),
      createdAt: z.date(),
      expiresAt: z.date().nullable(),
      lastUsedAt: z.date().nullable(),
      revokedAt: z.date().nullable(),
      mayRevoke: z.boolean(),
    }),
  ),
  total: z.number().int(),
  grantableScopes: z.array(z.string()),
})

/** One's own keys; everyone's for those who may read them. */
export const listApiKeys = allowedTo('sign in and manage their own sessions')
  .input(Input)
  .output(Output)
  .query(async ({ ctx, input }) => {
    const { user } = ctx.signedIn
    const { rows, total } = await listVisibleApiKeys(ctx.deps, { by: user, ...input })
    const now = ctx.deps.clock.now()
    const view = rows.map(({ key, owner }) => {
      const state = stateOf(key, now)
      const mayRevoke = can(user.role, owner.id === user.id ? 'manage their own API keys' : 'revoke everyone’s API keys')
      return { ...key, owner, state, mayRevoke: mayRevoke && state === 'active' }
    })
    return { rows: view, total, grantableScopes: can(user.role, 'manage their own API keys') ? grantableScopes(user.role) : [] }
  })

function stateOf(key: { revokedAt: Date | null; expiresAt: Date | null }, now: Date): 'active' | 'expired' | 'revoked' {
  if (key.revokedAt !== null) return 'revoked'
  return key.expiresAt !== null && now >= key.expiresAt ? 'expired' : 'active'
}
