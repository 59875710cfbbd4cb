import type { Plist, PlistDict } from '../plist/write.ts'
import { changeSystem } from '../system-state.ts'
import {
  type Command,
  type CommandContext,
  CommandFailed,
  CommandFormatError,
  dictOf,
  MDM_DOMAIN,
  RIGHT,
  requireRight,
  stringOf,
} from './command.ts'

/** Apple: Settings. The command is acknowledged, and each setting answers for itself, in the same order. */
export const settings: Command = async (command, context) => {
  requireRight(context, RIGHT.settings, 'change settings')
  if (!Array.isArray(command.Settings)) throw new CommandFormatError('Settings is not an array')
  return { Settings: command.Settings.map((setting) => applied(dictOf(setting, 'a setting'), context)) }
}

function applied(setting: PlistDict, context: CommandContext): PlistDict {
  const item = stringOf(setting, 'Item')
  try {
    const apply = Object.hasOwn(ITEMS, item) ? ITEMS[item] : undefined
    if (apply === undefined) throw new CommandFailed(12_021, MDM_DOMAIN, `“${item}” is no setting of this Mac`)
    apply(setting, context)
    return { Item: item, Status: 'Acknowledged' }
  } catch (error) {
    if (error instanceof CommandFormatError) return { Item: item, Status: 'CommandFormatError' }
    if (!(error instanceof CommandFailed)) throw error
    const link = { ErrorCode: error.code, ErrorDomain: error.domain, LocalizedDescription: error.message }
    return { Item: item, Status: 'Error', ErrorChain: [{ ...link, USEnglishDescription: error.message }] }
  }
}

const ITEMS: Record<string, (setting: PlistDict, context: CommandContext) => void> = {
  DeviceName: (setting, { change }) => change({ deviceName: stringOf(setting, 'DeviceName') }),
  HostName: (setting, { change }) => change({ hostName: stringOf(setting, 'HostName') }),
  Bluetooth: (setting) => void flagOf(setting.Enabled),
  TimeZone(setting, { directory }) {
    const timeZone = stringOf(setting, 'TimeZone')
    if (!isTimeZone(timeZone)) throw new CommandFailed(12_088, MDM_DOMAIN, `there is no time zone ${timeZone}`)
    changeSystem(directory, (state) => ({ ...state, timeZone }))
  },
  OrganizationInfo(setting, { directory }) {
    const info = dictOf(setting.OrganizationInfo, 'OrganizationInfo')
    const organization = Object.fromEntries(Object.keys(info).map((key) => [key, stringOf(info, key)]))
    changeSystem(directory, (state) => ({ ...state, organization }))
  },
  MDMOptions(setting, { directory }) {
    const options = dictOf(setting.MDMOptions, 'MDMOptions')
    const given = Object.fromEntries(Object.entries(options).map(([key, value]) => [key, flagOf(value)]))
    changeSystem(directory, (state) => ({ ...state, mdmOptions: { ...state.mdmOptions, ...given } }))
  },
}

function flagOf(value: Plist | undefined): boolean {
  if (typeof value !== 'boolean') throw new CommandFormatError('not a boolean')
  return value
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
