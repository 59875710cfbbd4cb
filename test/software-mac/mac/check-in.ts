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
  AwaitingConfiguration: enrollment.isAwaitingConfiguration === true,
  NotOnConsole: false,
})

/** Apple: SetBootstrapToken. The server keeps it in escrow for this enrollment alone. */
export const setBootstrapTokenMessage = (device: Device, enrollment: Enrollment, token: string): PlistDict => ({
  MessageType: 'SetBootstrapToken',
  UDID: device.udid,
  BootstrapToken: Buffer.from(token, 'base64'),
  AwaitingConfiguration: enrollment.isAwaitingConfiguration === true,
})

/** Apple: GetBootstrapToken. */
export const getBootstrapTokenMessage = (device: Device): PlistDict => ({ MessageType: 'GetBootstrapToken', UDID: device.udid })

/** Apple: CheckOut, on best effort. */
export const checkOutMessage = (device: Device, { mdm }: Enrollment): PlistDict => ({
  MessageType: 'CheckOut',
  Topic: mdm.topic,
  UDID: device.udid,
})
