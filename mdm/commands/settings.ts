import { type PlistDict, plistDict } from '../plist/value.ts'
import type { Command, ErrorChainItem, Reply } from '../ports.ts'
import { requireText } from './arguments.ts'
import { type ReplyFault, type ReplyReader, readReply } from './reply-reader.ts'

const MAX_SETTINGS = 16
const MAX_NAME = 255
const TIME_ZONE = /^[A-Za-z0-9_+/-]{1,64}$/

/** What can be set on a Mac. */
export type Setting =
  | { item: 'DeviceName'; deviceName: string }
  | { item: 'HostName'; hostName: string }
  | { item: 'TimeZone'; timeZone: string }
  | { item: 'Bluetooth'; isEnabled: boolean }
  | { item: 'OrganizationInfo'; name: string; email?: string; phone?: string }
  | {
      item: 'MDMOptions'
      bootstrapTokenAllowed?: boolean
      promptsForBootstrapToken?: boolean
      activationLockAllowedWhileSupervised?: boolean
    }

/** Apple: Settings. Needs AccessRights 2048. https://developer.apple.com/documentation/devicemanagement/settingscommand */
export function settings(wanted: readonly [Setting, ...Setting[]]): Command {
  if (wanted.length > MAX_SETTINGS) throw new TypeError(`at most ${MAX_SETTINGS} settings in one command`)
  return { requestType: 'Settings', payload: plistDict({ Settings: wanted.map(writeSetting) }) }
}

function writeSetting(setting: Setting): PlistDict {
  switch (setting.item) {
    case 'DeviceName':
      return plistDict({ Item: 'DeviceName', DeviceName: requireText(setting.deviceName, 'a device name', MAX_NAME) })
    case 'HostName':
      return plistDict({ Item: 'HostName', HostName: requireText(setting.hostName, 'a host name', MAX_NAME) })
    case 'TimeZone':
      if (!TIME_ZONE.test(setting.timeZone)) throw new TypeError('a time zone is named as in “Europe/Zurich”')
      return plistDict({ Item: 'TimeZone', TimeZone: setting.timeZone })
    case 'Bluetooth':
      return plistDict({ Item: 'Bluetooth', Enabled: setting.isEnabled })
    case 'OrganizationInfo':
      return plistDict({ Item: 'OrganizationInfo', OrganizationInfo: writeOrganization(setting) })
    case 'MDMOptions':
      return plistDict({ Item: 'MDMOptions', MDMOptions: writeOptions(setting) })
    default:
      return setting satisfies never
  }
}

function writeOrganization({ name, email, phone }: Extract<Setting, { item: 'OrganizationInfo' }>): PlistDict {
  return plistDict({
    OrganizationName: requireText(name, 'an organization’s name', MAX_NAME),
    OrganizationEmail: email === undefined ? undefined : requireText(email, 'an address', MAX_NAME),
    OrganizationPhone: phone === undefined ? undefined : requireText(phone, 'a telephone number', MAX_NAME),
  })
}

function writeOptions(options: Extract<Setting, { item: 'MDMOptions' }>): PlistDict {
  return plistDict({
    BootstrapTokenAllowed: options.bootstrapTokenAllowed,
    PromptUserToAllowBootstrapTokenForAuthentication: options.promptsForBootstrapToken,
    ActivationLockAllowedWhileSupervised: options.activationLockAllowedWhileSupervised,
  })
}

/** The Mac acknowledges the command and answers each setting by itself, in the order of the command. */
export type SettingResult = { item: string | undefined; status: string; errors: ErrorChainItem[] }

export function parseSettings(reply: Pick<Reply, 'plist'>): { results: SettingResult[]; faults: ReplyFault[] } {
  const read = readReply(reply.plist)
  const results = read.list('Settings', MAX_SETTINGS, (item): SettingResult | undefined => {
    const status = item.text('Status', 64)
    if (status === undefined) return item.missing('Status')
    return { item: item.text('Item', 64), status, errors: item.list('ErrorChain', MAX_SETTINGS, readError) ?? [] }
  })
  if (results === undefined) read.missing('Settings')
  return { results: results ?? [], faults: read.faults }
}

const readError = (item: ReplyReader): ErrorChainItem => ({
  code: item.integer('ErrorCode') ?? 0,
  domain: item.text('ErrorDomain', 256) ?? '',
  description: item.text('USEnglishDescription') ?? item.text('LocalizedDescription') ?? '',
})
