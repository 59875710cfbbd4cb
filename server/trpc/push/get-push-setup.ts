import { z } from 'zod'
import { allowedTo } from '../procedure.ts'

const Installed = z.object({
  topic: z.string(),
  sha256: z.string(),
  issuer: z.string(),
  notBefore: z.date(),
  notAfter: z.date(),
  installedAt: z.date().nullable(),
  fault: z.literal('PUSH_CERT_EXPIRED').nullable(),
  daysLeft: z.number().int(),
})

const Request = z.object({
  organization: z.string(),
  email: z.string(),
  createdAt: z.date(),
  csrPem: z.string(),
  vendor: z.string().nullable(),
  sentAt: z.date().nullable(),
  signedAt: z.date().nullable(),
  /** What is uploaded at identity.apple.com. */
  signedRequest: z.string().nullable(),
})

const Output = z.object({
  isEvaluation: z.boolean(),
  installed: Installed.nullable(),
  request: Request.nullable(),
  macs: z.object({ enrolled: z.number().int(), unreachable: z.number().int(), due: z.number().int() }),
  service: z.object({
    state: z.enum(['unknown', 'fair', 'refused', 'unreachable']),
    reason: z.string().nullable(),
    since: z.date().nullable(),
  }),
})

/** How the push certificate stands, how far the request for one has come, and how Apple's push service answers. */
export const getPushSetup = allowedTo('read the set-up')
  .output(Output)
  .query(({ ctx }) => ctx.deps.push.read())
