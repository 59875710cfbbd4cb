import { dataAt } from '../plist/value.ts'
import { emptyReply, refusal } from '../refusal.ts'
import type { CheckinHandler } from './context.ts'

/** Apple names no bound; tokens seen have some hundred bytes. */
const MAX_TOKEN_BYTES = 16 * 1024

/**
 * Apple: SetBootstrapToken. A Mac takes 200 for a token in escrow, so that is said only once it lies there, sealed. Without a token,
 * or with an empty one, ours is to be forgotten.
 */
export const setBootstrapToken: CheckinHandler = async ({ deps }, { enrollment, message, now }) => {
  const token = dataAt(message, 'BootstrapToken')
  const isMalformed = token === undefined ? message.has('BootstrapToken') : token.length > MAX_TOKEN_BYTES
  if (isMalformed) return refusal(400, 'BOOTSTRAP_TOKEN_MALFORMED')
  if (token === undefined || token.length === 0) {
    await deps.bootstrapTokens.forget(enrollment.id)
    return emptyReply()
  }
  return (await deps.bootstrapTokens.keep(enrollment.id, token, now)) ? emptyReply() : refusal(410, 'ENROLLMENT_ENDED')
}
