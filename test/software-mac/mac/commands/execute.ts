import { isDict } from '../plist/read.ts'
import type { PlistDict } from '../plist/write.ts'
import { installEnterpriseApplication, installedApplicationList } from './applications.ts'
import { type Command, type CommandContext, CommandFailed, CommandFormatError } from './command.ts'
import { deviceInformation } from './device-information.ts'
import { declarativeManagement, deviceConfigured, switchRemoteDesktop } from './management.ts'
import { rotateFileVaultKey, setRecoveryLock, verifyRecoveryLock } from './passwords.ts'
import { deviceLock, eraseDevice, restartDevice, shutDownDevice } from './power.ts'
import { certificateList, installProfileCommand, profileList, removeProfileCommand } from './profiles.ts'
import { securityInfo } from './security-info.ts'
import { settings } from './settings.ts'

const COMMANDS: Record<string, Command> = {
  DeviceInformation: deviceInformation,
  SecurityInfo: securityInfo,
  InstallProfile: installProfileCommand,
  RemoveProfile: removeProfileCommand,
  ProfileList: profileList,
  CertificateList: certificateList,
  InstalledApplicationList: installedApplicationList,
  InstallEnterpriseApplication: installEnterpriseApplication,
  DeviceLock: deviceLock,
  EraseDevice: eraseDevice,
  RestartDevice: restartDevice,
  ShutDownDevice: shutDownDevice,
  SetRecoveryLock: setRecoveryLock,
  VerifyRecoveryLock: verifyRecoveryLock,
  RotateFileVaultKey: rotateFileVaultKey,
  EnableRemoteDesktop: switchRemoteDesktop(true),
  DisableRemoteDesktop: switchRemoteDesktop(false),
  Settings: settings,
  DeviceConfigured: deviceConfigured,
  DeclarativeManagement: declarativeManagement,
}

/** Runs one command and returns the whole result message. A sleeping or locked Mac puts everything off. */
export async function execute(message: PlistDict, context: CommandContext, isAsleep: boolean): Promise<PlistDict> {
  const answer = (status: string, more: PlistDict = {}): PlistDict => ({
    Status: status,
    UDID: context.device().udid,
    ...(typeof message.CommandUUID === 'string' ? { CommandUUID: message.CommandUUID } : {}),
    ...more,
  })
  if (isAsleep) return answer('NotNow')
  try {
    return answer('Acknowledged', await run(message, context))
  } catch (error) {
    context.signal.throwIfAborted()
    if (error instanceof CommandFormatError) return answer('CommandFormatError', chain(12_000, 'MCMDMErrorDomain', error.message))
    if (error instanceof CommandFailed) return answer('Error', chain(error.code, error.domain, error.message))
    return answer('Error', chain(-1, 'SoftwareMacErrorDomain', error instanceof Error ? error.message : String(error)))
  }
}

async function run(message: PlistDict, context: CommandContext): Promise<PlistDict> {
  const command = message.Command
  if (!isDict(command) || typeof command.RequestType !== 'string') throw new CommandFormatError('no RequestType')
  const type = command.RequestType
  const handler = Object.hasOwn(COMMANDS, type) ? COMMANDS[type] : undefined
  if (handler === undefined) throw new CommandFailed(12_021, 'MCMDMErrorDomain', `“${type}” is not a valid request type.`)
  return handler(command, context)
}

const chain = (code: number, domain: string, text: string): PlistDict => ({
  ErrorChain: [{ ErrorCode: code, ErrorDomain: domain, LocalizedDescription: text, USEnglishDescription: text }],
})
