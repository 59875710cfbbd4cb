import { plistDict } from '../plist/value.ts'
import { writePlistBytes } from '../plist/write-plist.ts'
import { plistReply } from '../plist-reply.ts'
import type { CheckinHandler } from './context.ts'

/**
 * Apple: ReturnToService, asked by a device whose enrollment lets its user erase it. No profile of ours does, so the answer is no: a
 * Mac is erased by an administrator’s EraseDevice alone.
 */
export const returnToService: CheckinHandler = async () =>
  plistReply(writePlistBytes(plistDict({ ReturnToService: plistDict({ Enabled: false }) })))
