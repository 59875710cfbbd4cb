import { type Authentic, authenticate } from '../authenticate.ts'
import { isOfUser } from '../checkin/user-channel.ts'
import { stringAt } from '../plist/value.ts'
import { plistReply } from '../plist-reply.ts'
import type { MdmDeps, RawReply, RawRequest } from '../ports.ts'
import { emptyReply, refusal } from '../refusal.ts'
import type { ConnectContext } from './context.ts'
import { settleReply } from './settle-reply.ts'

/**
 * Apple: the command loop. The Mac says Idle or answers the last command; the reply carries the next one, or nothing.
 * https://developer.apple.com/documentation/devicemanagement/sending-mdm-commands-to-a-device
 */
export async function handleConnect(context: ConnectContext, request: RawRequest): Promise<RawReply> {
  const authenticated = await authenticate(context.deps, request)
  if (!authenticated.ok) return authenticated.reply
  const { enrollment, message, now } = authenticated.value
  if (enrollment.state === 'acme_attested') return refusal(401, 'NOT_AUTHENTICATED')
  // Users have no queue; and before TokenUpdate the device has none either.
  if (isOfUser(message) || enrollment.state !== 'enrolled') return emptyReply()
  await context.deps.enrollments.touch(enrollment.id, now)
  return answer(context, authenticated.value)
}

async function answer(context: ConnectContext, authentic: Authentic): Promise<RawReply> {
  const { deps } = context
  const { enrollment, message, now } = authentic
  const status = stringAt(message, 'Status')
  switch (status) {
    case 'Idle':
      // Before the next command is taken: one that is queued from here on asks for a push of its own.
      await deps.wakes.heard(enrollment.id, now)
      return nextCommand(deps, enrollment.id, 'idle', now)
    case 'NotNow':
      await deps.commands.putOff(enrollment.id, stringAt(message, 'CommandUUID') ?? '')
      return nextCommand(deps, enrollment.id, 'reply', now)
    case 'Acknowledged':
    case 'Error':
    case 'CommandFormatError':
      await settleReply(context, authentic, status)
      return nextCommand(deps, enrollment.id, 'reply', now)
    default:
      return refusal(400, 'STATUS_UNKNOWN')
  }
}

async function nextCommand(deps: MdmDeps, enrollmentId: string, moment: 'idle' | 'reply', now: Date): Promise<RawReply> {
  const command = await deps.commands.takeNext(enrollmentId, moment, now)
  return command === undefined ? emptyReply() : plistReply(command.payload)
}
