import { booleanAt, dictAt, type PlistDict, type PlistValue, plistDict, stringAt } from '../plist/value.ts'
import type { Command, Reply } from '../ports.ts'

const MAX_NONCE_BYTES = 32
const MAX_CERTIFICATES = 8

/** Queries that ask nothing of Apple's attestation servers. */
const INVENTORY_QUERIES = [
  'UDID',
  'DeviceName',
  'ModelName',
  'Model',
  'ProductName',
  'OSVersion',
  'BuildVersion',
  'SupplementalBuildVersion',
  'SupplementalOSVersionExtra',
  'IsAppleSilicon',
  'IsSupervised',
  'HostName',
  'LocalHostName',
  'HasBattery',
  'SoftwareUpdateDeviceID',
  'EACSPreflight',
  'TimeZone',
  'MDMOptions',
] as const

/** Only what is asked for comes back, and an attestation is worthless without the names that it must agree with. */
const ALWAYS = ['SerialNumber', 'ProvisioningUDID'] as const

/**
 * Apple: DeviceInformation. With `attestationNonce` (1 to 32 bytes, `<data>`) it asks for DevicePropertiesAttestation too, whose
 * freshness code must then be exactly these bytes. https://developer.apple.com/documentation/devicemanagement/deviceinformationcommand
 */
export function deviceInformation(options: { queries?: readonly string[]; attestationNonce?: Uint8Array } = {}): Command {
  const { attestationNonce: nonce } = options
  if (nonce !== undefined && (nonce.length < 1 || nonce.length > MAX_NONCE_BYTES)) {
    throw new TypeError('a DeviceAttestationNonce has 1 to 32 bytes')
  }
  const attestation = nonce === undefined ? [] : ['DevicePropertiesAttestation']
  const queries = [...new Set([...ALWAYS, ...(options.queries ?? INVENTORY_QUERIES), ...attestation])]
  return { requestType: 'DeviceInformation', payload: plistDict({ Queries: queries, DeviceAttestationNonce: nonce }) }
}

export type DeviceFacts = {
  serialNumber: string | undefined
  provisioningUdid: string | undefined
  udid: string | undefined
  deviceName: string | undefined
  model: string | undefined
  modelName: string | undefined
  productName: string | undefined
  osVersion: string | undefined
  buildVersion: string | undefined
  supplementalBuildVersion: string | undefined
  supplementalOsVersionExtra: string | undefined
  hostName: string | undefined
  softwareUpdateDeviceId: string | undefined
  isAppleSilicon: boolean | undefined
  isSupervised: boolean | undefined
  hasBattery: boolean | undefined
  localHostName: string | undefined
  timeZone: string | undefined
  /** Can “Erase All Content and Settings” run? `success`, or what stands against it. */
  erasePreflight: string | undefined
  /** MDMOptions, as far as the Mac states them. */
  bootstrapTokenAllowed: boolean | undefined
  promptsForBootstrapToken: boolean | undefined
}

export type DeviceInformationReply = {
  facts: DeviceFacts
  /** The certificates as received, leaf first; undefined where none came. */
  attestation: Uint8Array[] | undefined
  /**
   * RIGHTS_INSUFFICIENT: acknowledged, yet even the serial number, which every Mac has, is missing: the profile's AccessRights
   * lack 16. ATTESTATION_MALFORMED: something stands where the certificates belong.
   */
  faults: ('RIGHTS_INSUFFICIENT' | 'ATTESTATION_MALFORMED' | 'RESPONSES_MISSING')[]
}

export function parseDeviceInformation(reply: Pick<Reply, 'plist'>): DeviceInformationReply {
  const responses = dictAt(reply.plist, 'QueryResponses')
  if (responses === undefined) return { facts: readFacts(new Map()), attestation: undefined, faults: ['RESPONSES_MISSING'] }
  const facts = readFacts(responses)
  const stated = responses.get('DevicePropertiesAttestation')
  const attestation = stated === undefined ? undefined : readChain(stated)
  return {
    facts,
    attestation,
    faults: [
      ...(facts.serialNumber === undefined ? (['RIGHTS_INSUFFICIENT'] as const) : []),
      ...(stated !== undefined && attestation === undefined ? (['ATTESTATION_MALFORMED'] as const) : []),
    ],
  }
}

function readChain(stated: PlistValue): Uint8Array[] | undefined {
  if (!Array.isArray(stated) || stated.length === 0 || stated.length > MAX_CERTIFICATES) return undefined
  const chain = stated.filter((certificate) => certificate instanceof Uint8Array)
  return chain.length === stated.length ? chain : undefined
}

function readFacts(responses: PlistDict): DeviceFacts {
  const text = (key: string) => stringAt(responses, key)?.slice(0, 256)
  const options = dictAt(responses, 'MDMOptions') ?? new Map()
  return {
    serialNumber: text('SerialNumber'),
    provisioningUdid: text('ProvisioningUDID'),
    udid: text('UDID'),
    deviceName: text('DeviceName'),
    model: text('Model'),
    modelName: text('ModelName'),
    productName: text('ProductName'),
    osVersion: text('OSVersion'),
    buildVersion: text('BuildVersion'),
    supplementalBuildVersion: text('SupplementalBuildVersion'),
    supplementalOsVersionExtra: text('SupplementalOSVersionExtra'),
    hostName: text('HostName'),
    softwareUpdateDeviceId: text('SoftwareUpdateDeviceID'),
    isAppleSilicon: booleanAt(responses, 'IsAppleSilicon'),
    isSupervised: booleanAt(responses, 'IsSupervised'),
    hasBattery: booleanAt(responses, 'HasBattery'),
    localHostName: text('LocalHostName'),
    timeZone: text('TimeZone'),
    erasePreflight: text('EACSPreflight'),
    bootstrapTokenAllowed: booleanAt(options, 'BootstrapTokenAllowed'),
    promptsForBootstrapToken: booleanAt(options, 'PromptUserToAllowBootstrapTokenForAuthentication'),
  }
}
