import { refusal } from '../refusal.ts'
import type { CheckinHandler } from './context.ts'

/** Apple: UserAuthenticate. 410 declines to manage this user; the device itself stays managed. */
export const userAuthenticate: CheckinHandler = async () => refusal(410, 'USERS_NOT_MANAGED')
