import { z } from 'zod'
import { PreviewView } from '../../policy/views.ts'
import { allowedTo } from '../procedure.ts'

export const getPolicyPreview = allowedTo('read the policy')
  .input(z.strictObject({ preview: z.string().min(1).max(64) }))
  .output(PreviewView)
  .query(({ ctx, input }) => ctx.deps.policy.getPreview(input.preview))
