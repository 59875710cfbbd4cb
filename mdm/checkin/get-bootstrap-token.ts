import { plistDict } from '../plist/value.ts'
import { writePlistBytes } from '../plist/write-plist.ts'
import { plistReply } from '../plist-reply.ts'
import type { CheckinHandler } from './context.ts'

/** Apple: GetBootstrapToken. What this very enrollment left in escrow; where there is nothing, a reply without `BootstrapToken`. */
export const getBootstrapToken: CheckinHandler = async ({ deps }, { enrollment }) =>
  plistReply(writePlistBytes(plistDict({ BootstrapToken: await deps.bootstrapTokens.find(enrollment.id) })))
