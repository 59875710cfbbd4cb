import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { readJson, writeJson } from '../durable-file.ts'

/** What hardware, firmware and macOS of one Mac would say: `device.json` of its directory. */
export type Device = {
  serial: string
  /** MDM's UDID; never the one that Apple attests. */
  udid: string
  /** The UDID of the attestation. */
  provisioningUdid: string
  /** Push tokens and magic are made per enrollment, so they are not here. */
  model: string
  modelName: string
  productName: string
  softwareUpdateDeviceId: string
  deviceName: string
  hostName: string
  osVersion: string
  osBuild: string
  sepOsVersion: string
  llb: string
  isAppleSilicon: boolean
  sip: boolean
  secureBoot: 'full' | 'reduced' | 'permissive'
  /** Third-party kernel extensions may be loaded. */
  kexts: boolean
  authenticatedRoot: boolean
  fileVault: boolean
  remoteDesktop: boolean
  externalBoot: 'allowed' | 'disallowed'
  /** Since macOS 11 every device enrollment supervises. */
  isSupervised: boolean
  isEnrolledViaAde: boolean
  isUserEnrollment: boolean
  rdma: boolean
  /** kern.bootsessionuuid: outlives the process, not a reboot. */
  bootSession: string
}

const MODELS = [
  { model: 'Mac16,10', modelName: 'Mac mini', softwareUpdateDeviceId: 'J773gAP' },
  { model: 'Mac16,9', modelName: 'Mac Studio', softwareUpdateDeviceId: 'J575cAP' },
  { model: 'Mac16,5', modelName: 'MacBook Pro', softwareUpdateDeviceId: 'J616cAP' },
]

const deviceFile = (directory: string) => join(directory, 'device.json')
export const readDevice = (directory: string) => readJson<Device>(deviceFile(directory))
export const writeDevice = (directory: string, device: Device) => writeJson(deviceFile(directory), device)

/** A Mac fresh from the factory: Full Security, SIP on, current macOS. */
export function manufacture(serial: string): Device {
  const ordinal = Number(/\d+$/.exec(serial)?.[0] ?? '1')
  const model = MODELS[(ordinal - 1) % MODELS.length] ?? MODELS[0]
  const name = `software-mac-${ordinal}`
  return {
    serial,
    udid: randomUUID().toUpperCase(),
    // Chip id 6030 and the form of the specimen in Apple's developer material: 8 and 16 hexadecimal digits.
    provisioningUdid: `00006030-${randomBytes(8).toString('hex').toUpperCase()}`,
    model: model?.model ?? '',
    modelName: model?.modelName ?? '',
    productName: model?.model ?? '',
    softwareUpdateDeviceId: model?.softwareUpdateDeviceId ?? '',
    deviceName: name,
    hostName: `${name}.local`,
    osVersion: '26.1',
    osBuild: '25B78',
    sepOsVersion: '2811.40.34',
    llb: 'mBoot-18000.41.3',
    isAppleSilicon: true,
    sip: true,
    secureBoot: 'full',
    kexts: false,
    authenticatedRoot: true,
    fileVault: true,
    remoteDesktop: false,
    externalBoot: 'disallowed',
    isSupervised: true,
    isEnrolledViaAde: false,
    isUserEnrollment: false,
    rdma: false,
    bootSession: newBootSession(),
  }
}

export const newBootSession = () => randomUUID().toUpperCase()

export type Posture = Partial<
  Pick<Device, 'sip' | 'secureBoot' | 'kexts' | 'osVersion' | 'isAppleSilicon' | 'isUserEnrollment' | 'fileVault' | 'remoteDesktop'>
>

/** Boot state changes only through a reboot: a posture that differs from the stored one brings a new boot session. */
export function withPosture(device: Device, posture: Posture, isRebooted: boolean): Device {
  const changed = { ...device, ...posture }
  const differs = (Object.keys(posture) as (keyof Posture)[]).some((key) => device[key] !== changed[key])
  return differs || isRebooted ? { ...changed, bootSession: newBootSession() } : device
}
