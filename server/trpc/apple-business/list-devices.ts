import { z } from 'zod'
import { AppleBusinessDeviceView } from '../../apple-business/views.ts'
import { allowedTo } from '../procedure.ts'

/** The Macs that Apple Business assigned to a link. */
export const listDevices = allowedTo('read the set-up')
  .input(
    z.strictObject({ link: z.string().max(64), after: z.string().max(64).optional(), limit: z.number().int().min(1).max(200).default(50) }),
  )
  .output(z.object({ devices: z.array(AppleBusinessDeviceView), next: z.string().nullable() }))
  .query(({ ctx, input }) => ctx.deps.appleBusiness.listDevices(input.link, { after: input.after, limit: input.limit }))
