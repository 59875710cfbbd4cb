import { plistDict } from '../plist/value.ts'
import type { Command, Reply } from '../ports.ts'
import { requireRecoveryPassword } from './arguments.ts'
import { type ReplyFault, readReply } from './reply-reader.ts'

/**
 * Apple: VerifyRecoveryLock. Needs AccessRights 4. Does the Mac’s Recovery Lock still have this password?
 * https://developer.apple.com/documentation/devicemanagement/verifyrecoverylockcommand
 */
export function verifyRecoveryLock(password: string): Command {
  return { requestType: 'VerifyRecoveryLock', payload: plistDict({ Password: requireRecoveryPassword(password) }) }
}

/** Anything but a plain true is not verified. */
export function parseVerifyRecoveryLock(reply: Pick<Reply, 'plist'>): { isVerified: boolean; faults: ReplyFault[] } {
  const read = readReply(reply.plist)
  const verified = read.flag('PasswordVerified')
  if (verified === undefined) read.missing('PasswordVerified')
  return { isVerified: verified ?? false, faults: read.faults }
}
