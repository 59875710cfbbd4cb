import { plistDict } from '../plist/value.ts'
import type { Command, Reply } from '../ports.ts'
import { requirePin, requireText } from './arguments.ts'
import { type ReplyFault, readReply } from './reply-reader.ts'

const MAX_MESSAGE = 256
const MAX_PHONE = 64

/**
 * Apple: DeviceLock. Needs AccessRights 4. A Mac restarts at once and asks for the PIN, whatever it was doing; without the PIN
 * nobody gets in again. https://developer.apple.com/documentation/devicemanagement/devicelockcommand
 */
export function deviceLock(options: { pin: string; message?: string; phoneNumber?: string }): Command {
  const { message, phoneNumber } = options
  const payload = plistDict({
    PIN: requirePin(options.pin),
    Message: message === undefined ? undefined : requireText(message, 'the message of a lock', MAX_MESSAGE),
    PhoneNumber: phoneNumber === undefined ? undefined : requireText(phoneNumber, 'a telephone number', MAX_PHONE),
  })
  return { requestType: 'DeviceLock', payload }
}

/** `messageResult`: Success, or why the message was not shown. */
export function parseDeviceLock(reply: Pick<Reply, 'plist'>): { messageResult: string | undefined; faults: ReplyFault[] } {
  const read = readReply(reply.plist)
  return { messageResult: read.text('MessageResult', 64), faults: read.faults }
}
