import type { Device } from '../device.ts'
import type { InstallDeps } from '../install-profile.ts'
import type { PlistDict } from '../plist/write.ts'

/** What the commands may see and do. */
export type CommandContext = InstallDeps & {
  device: () => Device
  accessRights: number
  /** Happens after the answer has been sent. */
  rebootLater: () => void
  unenrollLater: (reason: string) => void
  /** Of the enrollment itself. */
  enrollmentIdentifier: string
  agentVersion: string
}

/** Answers with what stands beside Status: Acknowledged. */
export type Command = (command: PlistDict, context: CommandContext) => Promise<PlistDict>

/** The command is not what Apple's schema says: status CommandFormatError. */
export class CommandFormatError extends Error {}

/** Status Error, with one link of the ErrorChain. */
export class CommandFailed extends Error {
  readonly code: number
  readonly domain: string
  constructor(code: number, domain: string, message: string) {
    super(message)
    this.code = code
    this.domain = domain
  }
}

/** Apple: AccessRights. */
export const RIGHT = {
  inspectProfiles: 1,
  installProfiles: 2,
  lockAndPasscode: 4,
  queryDevice: 16,
  queryNetwork: 32,
  inspectApps: 256,
  querySecurity: 1024,
} as const
