import { z } from 'zod'
import { allowedTo } from '../procedure.ts'

/** The signed profile that makes a Mac trust the company’s authority, to be installed before the enrollment profile. */
export const getTrustProfile = allowedTo('read the set-up')
  .output(z.object({ fileName: z.string(), profile: z.base64() }))
  .query(async ({ ctx }) => {
    const profile = await ctx.deps.setup.trustProfile()
    return { fileName: `${ctx.deps.publicUrl.hostname}-trust.mobileconfig`, profile: Buffer.from(profile).toString('base64') }
  })
