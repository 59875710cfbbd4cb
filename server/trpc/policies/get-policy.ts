import { PolicyView } from '../../policy/views.ts'
import { allowedTo } from '../procedure.ts'

/** The policy in force, in sentences and as a document to edit, with its waivers. */
export const getPolicy = allowedTo('read the policy')
  .output(PolicyView)
  .query(({ ctx }) => ctx.deps.policy.getPolicy())
