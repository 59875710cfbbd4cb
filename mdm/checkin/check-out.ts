import { emptyReply } from '../refusal.ts'
import type { CheckinHandler } from './context.ts'

/** Apple: CheckOut, sent once and best effort when the profile is removed. The listener hears it first, so that it is not lost. */
export const checkOut: CheckinHandler = async ({ deps }, { enrollment, now }) => {
  await deps.events.onCheckOut({ enrollmentId: enrollment.id, macId: enrollment.macId, serial: enrollment.serial, at: now })
  await deps.enrollments.end(enrollment.id, now)
  return emptyReply()
}
