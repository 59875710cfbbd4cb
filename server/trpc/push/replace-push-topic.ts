import { z } from 'zod'
import { AppError } from '../../errors.ts'
import { allowedTo } from '../procedure.ts'
import { bytesOf, File, Password, stepResult } from './uploads.ts'

const CONFIRMATION = /^lose (\d{1,7}) Macs?$/

/** Puts a certificate of another topic in force, for whoever has typed how many Macs are lost by it. */
export const replacePushTopic = allowedTo('manage the push certificate', { stepUp: true })
  .input(z.strictObject({ file: File, password: Password, confirmation: z.string().max(100) }))
  .output(stepResult({ topic: z.string(), isRenewal: z.boolean(), macsLost: z.number().int() }))
  .mutation(({ ctx, input: { file, password, confirmation } }) => {
    const losing = CONFIRMATION.exec(confirmation.trim())?.[1]
    if (losing === undefined) {
      throw new AppError('invalid_request', { param: 'confirmation', public: 'Type “lose 12 Macs”, with the number that is shown.' })
    }
    const certificate = { file: bytesOf(file), password, losingMacs: Number(losing) }
    return ctx.deps.push.install(certificate, `user:${ctx.signedIn.user.id}`)
  })
