import { plistDict } from '../plist/value.ts'
import type { Command, Reply } from '../ports.ts'
import { type ReplyFault, type ReplyReader, readReply } from './reply-reader.ts'

const MAX_APPLICATIONS = 4096
const MAX_IDENTIFIERS = 256
const IDENTIFIER = /^[A-Za-z0-9.-]{1,155}$/

/**
 * Apple: InstalledApplicationList. Needs AccessRights 256. On a Mac it says nothing of code signatures: names and versions only, as
 * the Mac itself reports them. https://developer.apple.com/documentation/devicemanagement/installedapplicationlistcommand
 */
export function installedApplicationList(options: { identifiers?: readonly string[]; managedOnly?: boolean } = {}): Command {
  const { identifiers } = options
  if (identifiers !== undefined && (identifiers.length === 0 || identifiers.length > MAX_IDENTIFIERS)) {
    throw new TypeError(`InstalledApplicationList names 1 to ${MAX_IDENTIFIERS} applications, or none for all`)
  }
  if (identifiers?.some((identifier) => !IDENTIFIER.test(identifier)))
    throw new TypeError('a bundle identifier has letters, digits, - and .')
  const payload = plistDict({
    Identifiers: identifiers === undefined ? undefined : [...identifiers],
    ManagedAppsOnly: options.managedOnly ?? false,
  })
  return { requestType: 'InstalledApplicationList', payload }
}

export type InstalledApplication = {
  /** May be missing on a Mac. */
  identifier: string | undefined
  name: string | undefined
  version: string | undefined
  shortVersion: string | undefined
  bundleBytes: number | undefined
  isInstalling: boolean
}

export function parseInstalledApplicationList(reply: Pick<Reply, 'plist'>): { applications: InstalledApplication[]; faults: ReplyFault[] } {
  const read = readReply(reply.plist)
  const applications = read.list('InstalledApplicationList', MAX_APPLICATIONS, readApplication)
  if (applications === undefined) read.missing('InstalledApplicationList')
  return { applications: applications ?? [], faults: read.faults }
}

const readApplication = (item: ReplyReader): InstalledApplication => ({
  identifier: item.text('Identifier'),
  name: item.text('Name'),
  version: item.text('Version'),
  shortVersion: item.text('ShortVersion'),
  bundleBytes: item.integer('BundleSize'),
  isInstalling: item.flag('Installing') ?? false,
})
