import { writePlistBytes } from '../plist/write-plist.ts'
import { plistReply } from '../plist-reply.ts'
import type { CheckinHandler } from './context.ts'

/** Apple: GetBootstrapToken. None is kept: a reply without `BootstrapToken`. */
export const getBootstrapToken: CheckinHandler = async () => plistReply(writePlistBytes(new Map()))
