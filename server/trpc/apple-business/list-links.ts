import { z } from 'zod'
import { AppleBusinessLinkView } from '../../apple-business/views.ts'
import { allowedTo } from '../procedure.ts'

/** Every link to Apple Business, with its state. */
export const listLinks = allowedTo('read the set-up')
  .output(z.array(AppleBusinessLinkView))
  .query(({ ctx }) => ctx.deps.appleBusiness.listLinks())
