import { booleanAt, dataAt, stringAt } from '../plist/value.ts'
import { emptyReply, refusal } from '../refusal.ts'
import type { CheckinHandler } from './context.ts'

/** APNs tokens are of variable length; 32 bytes today. */
const MAX_TOKEN_BYTES = 256
const MAX_MAGIC_LENGTH = 256

/**
 * Apple: TokenUpdate. The first one after Authenticate enrolls the Mac: token stored, listener told (it may queue commands),
 * state changed, Mac woken. Where the listener fails the Mac sends it again, and all of it happens again. An UnlockToken, which Macs
 * do not send, would not be kept.
 */
export const tokenUpdate: CheckinHandler = async ({ deps, wakeSoon }, { enrollment, message, now }) => {
  const topic = await deps.topic()
  if (topic === undefined || stringAt(message, 'Topic') !== topic) return refusal(400, 'TOPIC_MISMATCH')
  const token = dataAt(message, 'Token')
  const magic = stringAt(message, 'PushMagic')
  if (token === undefined || token.length === 0 || token.length > MAX_TOKEN_BYTES) return refusal(400, 'TOKEN_MALFORMED')
  if (magic === undefined || magic === '' || magic.length > MAX_MAGIC_LENGTH) return refusal(400, 'PUSH_MAGIC_MALFORMED')
  const { id: enrollmentId, macId, serial } = enrollment
  const awaitingConfiguration = booleanAt(message, 'AwaitingConfiguration') ?? false
  const push = { id: enrollmentId, token, magic, awaitingConfiguration, at: now }
  if (!(await deps.enrollments.recordPush(push))) return refusal(410, 'ENROLLMENT_ENDED')
  if (enrollment.state === 'enrolled') {
    // What could not be pushed to the old token waits for this one.
    if (enrollment.unreachableAt !== undefined && (await deps.commands.hasLive(enrollmentId, now))) wakeSoon(enrollmentId)
    return emptyReply()
  }
  await deps.events.onEnrolled({ enrollmentId, macId, serial, awaitingConfiguration, at: now })
  await deps.enrollments.markEnrolled(enrollmentId, now)
  if (await deps.commands.hasLive(enrollmentId, now)) wakeSoon(enrollmentId)
  return emptyReply()
}
