import { plistDict } from '../plist/value.ts'
import type { Command, Reply } from '../ports.ts'
import { type ReplyFault, type ReplyReader, readReply } from './reply-reader.ts'

const MAX_PROFILES = 512
const MAX_PAYLOADS = 128

/** Apple: ProfileList. Needs AccessRights 1. https://developer.apple.com/documentation/devicemanagement/profilelistcommand */
export function profileList(options: { managedOnly?: boolean } = {}): Command {
  return { requestType: 'ProfileList', payload: plistDict({ ManagedOnly: options.managedOnly ?? false }) }
}

export type InstalledProfile = {
  identifier: string
  uuid: string
  displayName: string | undefined
  organization: string | undefined
  isEncrypted: boolean
  isRemovalDisallowed: boolean
  /** "Declarative Device Management" where a declaration brought it (macOS 15). */
  source: string | undefined
  payloads: { type: string; identifier: string | undefined }[]
}

/** A profile without PayloadIdentifier or PayloadUUID is left out, with its fault. */
export function parseProfileList(reply: Pick<Reply, 'plist'>): { profiles: InstalledProfile[]; faults: ReplyFault[] } {
  const read = readReply(reply.plist)
  const profiles = read.list('ProfileList', MAX_PROFILES, readProfile)
  if (profiles === undefined) read.missing('ProfileList')
  return { profiles: profiles ?? [], faults: read.faults }
}

function readProfile(item: ReplyReader): InstalledProfile | undefined {
  const identifier = item.text('PayloadIdentifier')
  const uuid = item.text('PayloadUUID')
  if (identifier === undefined) return item.missing('PayloadIdentifier')
  if (uuid === undefined) return item.missing('PayloadUUID')
  return {
    identifier,
    uuid,
    displayName: item.text('PayloadDisplayName'),
    organization: item.text('PayloadOrganization'),
    isEncrypted: item.flag('IsEncrypted') ?? false,
    isRemovalDisallowed: item.flag('PayloadRemovalDisallowed') ?? false,
    source: item.text('Source'),
    payloads: item.list('PayloadContent', MAX_PAYLOADS, readPayload) ?? [],
  }
}

function readPayload(item: ReplyReader): InstalledProfile['payloads'][number] | undefined {
  const type = item.text('PayloadType')
  return type === undefined ? item.missing('PayloadType') : { type, identifier: item.text('PayloadIdentifier') }
}
