import { refusal } from '../refusal.ts'
import type { CheckinHandler } from './context.ts'

/** Apple: SetBootstrapToken. Refused, and the capability not offered: a Mac takes a 200 for a token in escrow. */
export const setBootstrapToken: CheckinHandler = async () => refusal(403, 'BOOTSTRAP_TOKEN_NOT_KEPT')
