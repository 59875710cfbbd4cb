import { refusal } from '../refusal.ts'
import type { CheckinHandler } from './context.ts'

/** Apple: GetToken. No token service is offered. */
export const getToken: CheckinHandler = async () => refusal(404, 'TOKEN_SERVICE_NOT_OFFERED')
