import { refusal } from '../refusal.ts'
import type { CheckinHandler } from './context.ts'

/** Apple: DeclarativeManagement. Never switched on by us, so there is nothing at any endpoint. */
export const declarativeManagement: CheckinHandler = async () => refusal(404, 'DECLARATIONS_NOT_OFFERED')
