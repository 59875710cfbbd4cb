import { z } from 'zod'
import { can, grantableScopes, manageableRoles, maySetSecondFactorRules, PERMISSIONS, ROLES } from '../../auth/permissions.ts'
import { listNeededSecondFactors } from '../../auth/second-factor-rules.ts'
import { allowedTo } from '../procedure.ts'
import { RoleName } from './fields.ts'

const Output = z.object({
  permissions: z.array(z.string()),
  roles: z.array(
    z.object({
      role: RoleName,
      may: z.array(z.string()),
      mayManage: z.array(RoleName),
      mayGrantScopes: z.array(z.string()),
      needsSecondFactor: z.boolean(),
    }),
  ),
  maySetSecondFactorRules: z.boolean(),
})

/** Who may do what: the rules themselves, as they are applied. */
export const getAccessReview = allowedTo('read people')
  .output(Output)
  .query(async ({ ctx }) => {
    const needed = await listNeededSecondFactors(ctx.deps)
    return {
      permissions: [...PERMISSIONS],
      roles: ROLES.map((role) => ({
        role,
        may: PERMISSIONS.filter((permission) => can(role, permission)),
        mayManage: manageableRoles(role),
        mayGrantScopes: grantableScopes(role),
        needsSecondFactor: needed.includes(role),
      })),
      maySetSecondFactorRules: maySetSecondFactorRules(ctx.signedIn.user.role),
    }
  })
