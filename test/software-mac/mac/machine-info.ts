import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { join } from 'node:path'
import { integer, objectIdentifier, octetString, sequence, set, time, tlv } from '../apple/der-writer.ts'
import { createDeviceCa, issueDeviceCertificate } from '../apple/device-ca.ts'
import { readIfThere, writeDurably } from '../durable-file.ts'
import { child, readDer } from './der-reader.ts'
import type { Device } from './device.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import { type PlistDict, writePlist } from './plist/write.ts'

const SIGNED_DATA = '1.2.840.113549.1.7.2'
const DATA = '1.2.840.113549.1.7.1'
const SHA1 = sequence(objectIdentifier('1.3.14.3.2.26'), tlv(0x05))
const RSA = sequence(objectIdentifier('1.2.840.113549.1.1.1'), tlv(0x05))

/** The key of the device certificate: RSA, as the activation of a device makes it; its file stands for the hardware. */
export function openDeviceKey(directory: string): KeyObject {
  const file = join(directory, 'secure-enclave', 'device-identity.pem')
  const pem = readIfThere(file)
  if (pem !== undefined) return createPrivateKey(pem)
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  writeDurably(file, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  return privateKey
}

export const spkiOf = (key: KeyObject) => new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }))

/** Apple: MachineInfo, what a Mac in Setup Assistant says of itself. */
const machineInfo = (device: Device, misbehaviour: Misbehaviour): PlistDict => ({
  UDID: device.udid,
  SERIAL: misbehaviour.machineInfo === 'other-serial' ? 'OTHERMAC0001' : device.serial,
  PRODUCT: device.productName,
  VERSION: device.osBuild,
  OS_VERSION: device.osVersion,
  SUPPLEMENTAL_BUILD_VERSION: device.osBuild,
  SOFTWARE_UPDATE_DEVICE_ID: device.softwareUpdateDeviceId,
  LANGUAGE: 'en',
  MDM_CAN_REQUEST_SOFTWARE_UPDATE: true,
})

/**
 * The signed MachineInfo: CMS SignedData (RFC 5652 §5) with the property list inside, in pieces as devices write it, RSA and SHA-1,
 * signed attributes, and the device certificate.
 */
export function signMachineInfo(options: {
  device: Device
  key: KeyObject
  certificate: Uint8Array
  misbehaviour: Misbehaviour
  at: Date
}): Uint8Array {
  const { device, misbehaviour, at } = options
  const { key, certificate } = misbehaviour.machineInfo === 'foreign' ? impostor(device, at) : options
  const content = Buffer.from(writePlist(machineInfo(device, misbehaviour)))
  const attributes = [
    attribute('1.2.840.113549.1.9.3', objectIdentifier(DATA)),
    attribute('1.2.840.113549.1.9.5', time(at)),
    attribute('1.2.840.113549.1.9.4', octetString(createHash('sha1').update(content).digest())),
  ].sort(Buffer.compare)
  const tbs = child(readDer(certificate), 0)
  const signer = sequence(
    integer(1),
    sequence(child(tbs, 3).der, child(tbs, 1).der),
    SHA1,
    tlv(0xa0, ...attributes),
    RSA,
    octetString(sign('sha1', set(...attributes), key)),
  )
  const shown = misbehaviour.machineInfo === 'tampered' ? Buffer.from(content.toString().replace('<string>en<', '<string>fr<')) : content
  const pieces = [shown.subarray(0, 100), shown.subarray(100)].map(octetString)
  const encapsulated = sequence(objectIdentifier(DATA), tlv(0xa0, tlv(0x24, ...pieces)))
  const signedData = sequence(integer(1), set(SHA1), encapsulated, tlv(0xa0, certificate), set(signer))
  return sequence(objectIdentifier(SIGNED_DATA), tlv(0xa0, signedData))
}

const attribute = (oid: string, value: Uint8Array) => sequence(objectIdentifier(oid), set(value))

/** A device certificate under an authority of the same name that is not Apple's. */
function impostor({ serial }: Device, now: Date): { key: KeyObject; certificate: Uint8Array } {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const certificate = issueDeviceCertificate({ ca: createDeviceCa(now), spki: spkiOf(privateKey), serial, now })
  return { key: privateKey, certificate }
}
