import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Device, manufacture, newBootSession, readDevice, writeDevice } from './device.ts'

/** Keys of the hardware itself, which no erasure touches; the rest of the Secure Enclave's keys are gone. */
const HARDWARE_KEYS = ['factory.pem', 'device-identity.pem']
/** Held by the process, not by the machine. */
const KEPT = ['lock', 'secure-enclave', 'device.json']

/** Erase All Content and Settings: a Mac as it left the factory, with the serial number and the identifiers of its hardware. */
export function eraseMac(directory: string): void {
  const device = readDevice(directory)
  for (const name of readdirSync(directory)) {
    if (!KEPT.includes(name)) rmSync(join(directory, name), { recursive: true, force: true })
  }
  const enclave = join(directory, 'secure-enclave')
  for (const name of readdirSync(enclave)) if (!HARDWARE_KEYS.includes(name)) rmSync(join(enclave, name), { force: true })
  if (device !== undefined) writeDevice(directory, { ...manufacture(device.serial), ...hardwareOf(device), bootSession: newBootSession() })
}

/** Boot policy lives in the Secure Enclave's storage and is reset by the installer; macOS stays at its version. */
const hardwareOf = ({
  udid,
  provisioningUdid,
  model,
  modelName,
  productName,
  softwareUpdateDeviceId,
  isAppleSilicon,
  osVersion,
  osBuild,
}: Device) => ({
  udid,
  provisioningUdid,
  model,
  modelName,
  productName,
  softwareUpdateDeviceId,
  isAppleSilicon,
  osVersion,
  osBuild,
})
