import type { Device } from '../device.ts'
import { ServerAway } from '../http.ts'
import type { Plist, PlistDict } from '../plist/write.ts'
import { readSystem, type SystemState } from '../system-state.ts'
import { type Command, type CommandContext, CommandFormatError, RIGHT } from './command.ts'

const MAX_NONCE_BYTES = 32
const ATTESTATION = 'DevicePropertiesAttestation'

type Query = { right: number; answer: (device: Device, system: SystemState) => Plist | undefined }
const always = (answer: Query['answer']): Query => ({ right: 0, answer })
const device = (answer: Query['answer']): Query => ({ right: RIGHT.queryDevice, answer })
const network = (answer: Query['answer']): Query => ({ right: RIGHT.queryNetwork, answer })

const QUERIES: Record<string, Query> = {
  UDID: always((mac) => mac.udid),
  MDMOptions: always((_, { mdmOptions }) => ({ ActivationLockAllowedWhileSupervised: false, ...mdmOptions })),
  OrganizationInfo: always((_, { organization }) => organization),
  ProvisioningUDID: device((mac) => (mac.isUserEnrollment ? undefined : mac.provisioningUdid)),
  SerialNumber: device((mac) => (mac.isUserEnrollment ? undefined : mac.serial)),
  DeviceName: device((mac) => mac.deviceName),
  Model: device((mac) => mac.model),
  ModelName: device((mac) => mac.modelName),
  ProductName: device((mac) => mac.productName),
  OSVersion: device((mac) => mac.osVersion),
  BuildVersion: device((mac) => mac.osBuild),
  SupplementalBuildVersion: device((mac) => mac.osBuild),
  // Empty where no rapid security response is installed.
  SupplementalOSVersionExtra: device(() => ''),
  EACSPreflight: device((mac) => (mac.isAppleSilicon ? 'success' : 'not supported')),
  IsAppleSilicon: device((mac) => mac.isAppleSilicon),
  IsSupervised: device((mac) => mac.isSupervised),
  HasBattery: device((mac) => mac.modelName.startsWith('MacBook')),
  SoftwareUpdateDeviceID: device((mac) => mac.softwareUpdateDeviceId),
  TimeZone: device((_, { timeZone }) => timeZone),
  HostName: network((mac) => mac.hostName),
  LocalHostName: network((mac) => mac.deviceName),
}

/** Apple: DeviceInformation. What the rights do not cover, and what is unknown, is left out without a word. */
export const deviceInformation: Command = async (command, context) => {
  const queries = queriesOf(command)
  const nonce = nonceOf(command)
  const answers: PlistDict = {}
  for (const query of new Set(queries)) {
    const answer = query === ATTESTATION ? await attestation(nonce, context) : answerTo(query, context)
    if (answer !== undefined) answers[query] = answer
  }
  return { QueryResponses: answers }
}

function answerTo(name: string, context: CommandContext): Plist | undefined {
  const query = Object.hasOwn(QUERIES, name) ? QUERIES[name] : undefined
  if (query === undefined || (context.accessRights & query.right) !== query.right) return undefined
  return query.answer(context.device(), readSystem(context.directory))
}

/** Without Apple in reach the key is missing, and the command is acknowledged all the same. */
async function attestation(nonce: Uint8Array | undefined, context: CommandContext): Promise<Plist | undefined> {
  if ((context.accessRights & RIGHT.queryDevice) === 0) return undefined
  try {
    const chain = await context.attestor.deviceProperties(nonce, context.signal)
    return chain.length === 0 ? undefined : chain
  } catch (error) {
    if (error instanceof ServerAway) return undefined
    throw error
  }
}

function queriesOf(command: PlistDict): string[] {
  const queries = command.Queries
  if (!Array.isArray(queries) || queries.length === 0) throw new CommandFormatError('Queries is missing or empty')
  if (!queries.every((query) => typeof query === 'string')) throw new CommandFormatError('a query is not a string')
  return queries
}

function nonceOf(command: PlistDict): Uint8Array | undefined {
  const nonce = command.DeviceAttestationNonce
  if (nonce === undefined) return undefined
  const isUsable = nonce instanceof Uint8Array && nonce.length > 0 && nonce.length <= MAX_NONCE_BYTES
  if (!isUsable) throw new CommandFormatError('DeviceAttestationNonce is not 1 to 32 bytes of data')
  return nonce
}
