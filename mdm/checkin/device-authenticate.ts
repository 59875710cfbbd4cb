import { type PlistDict, stringAt } from '../plist/value.ts'
import type { AuthenticateFacts } from '../ports.ts'
import { emptyReply, refusal } from '../refusal.ts'
import type { CheckinHandler } from './context.ts'

/**
 * Apple: Authenticate. The certificate was bound to this enrollment when our ACME issued it; here the Mac must also name the
 * serial that it was issued for. A repeated Authenticate makes everything before it void: queue, push token, and whatever the
 * listener holds (tickets, agent keys).
 */
export const deviceAuthenticate: CheckinHandler = async ({ deps }, { enrollment, message, now }) => {
  const topic = await deps.topic()
  if (topic === undefined || stringAt(message, 'Topic') !== topic) return refusal(401, 'TOPIC_MISMATCH')
  if (stringAt(message, 'SerialNumber') !== enrollment.serial) {
    deps.log?.warn({ enrollmentId: enrollment.id }, 'Authenticate with another serial number')
    return refusal(401, 'SERIAL_MISMATCH')
  }
  const device = facts(message)
  const stands = await deps.enrollments.authenticate({ id: enrollment.id, udid: device.udid, topic, at: now })
  if (!stands) return refusal(410, 'ENROLLMENT_ENDED')
  await deps.events.onAuthenticate({
    enrollmentId: enrollment.id,
    macId: enrollment.macId,
    serial: enrollment.serial,
    isRepeat: enrollment.state !== 'acme_attested',
    device,
    at: now,
  })
  return emptyReply()
}

function facts(message: PlistDict): AuthenticateFacts {
  const text = (key: string) => stringAt(message, key)?.slice(0, 256)
  return {
    udid: text('UDID') ?? '',
    deviceName: text('DeviceName'),
    model: text('Model'),
    modelName: text('ModelName'),
    productName: text('ProductName'),
    osVersion: text('OSVersion'),
    buildVersion: text('BuildVersion'),
  }
}
