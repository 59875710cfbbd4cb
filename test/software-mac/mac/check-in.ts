import type { Device } from './device.ts'
import type { Enrollment } from './enrollment.ts'
import type { PlistDict } from './plist/write.ts'

/** Apple: Authenticate. Begins an enrollment, and wipes what the server held of an earlier one. */
export const authenticateMessage = (device: Device, { mdm }: Enrollment): PlistDict => ({
  MessageType: 'Authenticate',
  Topic: mdm.topic,
  UDID: device.udid,
  DeviceName: device.deviceName,
  Model: device.model,
  ModelName: device.modelName,
  ProductName: device.productName,
  OSVersion: device.osVersion,
  BuildVersion: device.osBuild,
  SerialNumber: device.serial,
})

/** Apple: TokenUpdate. The first one completes the enrollment. */
export const tokenUpdateMessage = (device: Device, enrollment: Enrollment, token: string): PlistDict => ({
  MessageType: 'TokenUpdate',
  Topic: enrollment.mdm.topic,
  UDID: device.udid,
  Token: Buffer.from(token, 'hex'),
  PushMagic: enrollment.pushMagic,
  AwaitingConfiguration: false,
  NotOnConsole: false,
})

/** Apple: CheckOut, on best effort. */
export const checkOutMessage = (device: Device, { mdm }: Enrollment): PlistDict => ({
  MessageType: 'CheckOut',
  Topic: mdm.topic,
  UDID: device.udid,
})
