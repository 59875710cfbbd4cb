import { refusal } from '../refusal.ts'
import type { CheckinHandler } from './context.ts'

/** Apple: GetToken (`com.apple.maid`, `com.apple.watch.pairing`). No token service is offered, whatever TokenServiceType names. */
export const getToken: CheckinHandler = async () => refusal(404, 'TOKEN_SERVICE_NOT_OFFERED')
