import { CmsError, openSigned } from './cms-open.ts'
import type { SubjectNames } from './csr.ts'
import { isDict, PlistError, readDict } from './plist/read.ts'
import type { Plist, PlistDict } from './plist/write.ts'

/** A profile that this Mac will not install. */
export class ProfileError extends Error {}

export type Payload = { type: string; uuid: string; identifier: string; displayName: string; dict: PlistDict }

export type Profile = {
  identifier: string
  uuid: string
  displayName: string
  organization: string
  isRemovalDisallowed: boolean
  /** Common name or subject of the signer; undefined for an unsigned profile. */
  signer: string | undefined
  payloads: Payload[]
}

/** Apple: com.apple.security.acme. */
export type AcmePayload = {
  uuid: string
  directoryUrl: string
  clientIdentifier: string
  keySize: 256 | 384
  subject: SubjectNames
  attest: boolean
}

/** Apple: com.apple.mdm. */
export type MdmPayload = {
  identityUuid: string
  topic: string
  serverUrl: string
  checkInUrl: string
  accessRights: number
  signMessage: boolean
  checkOutWhenRemoved: boolean
  serverCapabilities: string[]
}

/** ASN.1 SEQUENCE: a signed profile; anything else must be a plain property list. */
const DER_SEQUENCE = 0x30

export function readProfile(bytes: Uint8Array): Profile {
  try {
    const opened = bytes[0] === DER_SEQUENCE ? openSigned(bytes) : undefined
    return toProfile(readDict(opened?.content ?? bytes), opened?.signer.subject)
  } catch (error) {
    if (error instanceof CmsError || error instanceof PlistError) throw new ProfileError(error.message, { cause: error })
    throw error
  }
}

function toProfile(dict: PlistDict, signer: string | undefined): Profile {
  if (dict.PayloadType !== 'Configuration' || dict.PayloadVersion !== 1) throw new ProfileError('not a configuration profile')
  const contents = dict.PayloadContent
  if (!Array.isArray(contents)) throw new ProfileError('a profile without payloads')
  return {
    identifier: stringAt(dict, 'PayloadIdentifier'),
    uuid: stringAt(dict, 'PayloadUUID'),
    displayName: optionalString(dict, 'PayloadDisplayName'),
    organization: optionalString(dict, 'PayloadOrganization'),
    isRemovalDisallowed: dict.PayloadRemovalDisallowed === true,
    signer,
    payloads: contents.map(toPayload),
  }
}

function toPayload(dict: Plist): Payload {
  if (!isDict(dict)) throw new ProfileError('a payload is a dictionary')
  return {
    type: stringAt(dict, 'PayloadType'),
    uuid: stringAt(dict, 'PayloadUUID'),
    identifier: stringAt(dict, 'PayloadIdentifier'),
    displayName: optionalString(dict, 'PayloadDisplayName'),
    dict,
  }
}

export function acmePayload({ dict, uuid }: Payload): AcmePayload {
  const keySize = dict.KeySize
  if (dict.KeyType !== 'ECSECPrimeRandom' || (keySize !== 256 && keySize !== 384)) throw new ProfileError('an unusable ACME key type')
  const isHardwareBound = dict.HardwareBound === true
  if (dict.Attest === true && !isHardwareBound) throw new ProfileError('Attest needs HardwareBound')
  return {
    uuid,
    directoryUrl: webAddress(dict, 'DirectoryURL'),
    clientIdentifier: stringAt(dict, 'ClientIdentifier'),
    keySize,
    subject: subjectOf(dict.Subject),
    attest: dict.Attest === true,
  }
}

export function mdmPayload({ dict }: Payload): MdmPayload {
  const accessRights = dict.AccessRights
  if (typeof accessRights !== 'number' || accessRights <= 0) throw new ProfileError('AccessRights is missing or zero')
  const serverUrl = webAddress(dict, 'ServerURL')
  return {
    identityUuid: stringAt(dict, 'IdentityCertificateUUID'),
    topic: stringAt(dict, 'Topic'),
    serverUrl,
    // Apple: without CheckInURL the server URL takes the check-ins.
    checkInUrl: dict.CheckInURL === undefined ? serverUrl : webAddress(dict, 'CheckInURL'),
    accessRights,
    signMessage: dict.SignMessage === true,
    checkOutWhenRemoved: dict.CheckOutWhenRemoved === true,
    serverCapabilities: Array.isArray(dict.ServerCapabilities) ? dict.ServerCapabilities.filter((one) => typeof one === 'string') : [],
  }
}

export function stringAt(dict: PlistDict, key: string): string {
  const value = dict[key]
  if (typeof value !== 'string' || value === '') throw new ProfileError(`${key} is missing`)
  return value
}

function optionalString(dict: PlistDict, key: string): string {
  const value = dict[key]
  return typeof value === 'string' ? value : ''
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Macs insist on https; plain HTTP is let through on loopback alone, where evaluation runs. */
export function webAddress(dict: PlistDict, key: string): string {
  const url = URL.parse(stringAt(dict, key))
  const isAllowed = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.has(url.hostname))
  if (url === null || !isAllowed) throw new ProfileError(`${key} is not an https address`)
  return url.href
}

function subjectOf(value: Plist | undefined): SubjectNames {
  const isPair = (pair: Plist) => Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string')
  const isValid = Array.isArray(value) && value.every((names) => Array.isArray(names) && names.every(isPair))
  if (!isValid) throw new ProfileError('Subject is malformed')
  return value as SubjectNames
}
