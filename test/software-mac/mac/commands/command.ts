import type { Device } from '../device.ts'
import type { InstallDeps } from '../install-profile.ts'
import { isDict } from '../plist/read.ts'
import type { Plist, PlistDict } from '../plist/write.ts'

/** What a command asks to be done after its answer has been sent. */
export type Deed =
  | { kind: 'reboot' | 'shut-down' | 'erase' | 'lock' | 'configured' | 'declarations' }
  | { kind: 'leave'; reason: string }
  | { kind: 'install'; source: ApplicationSource }

export type ApplicationSource = { manifest: PlistDict } | { manifestUrl: string }

/** What the commands may see and do. */
export type CommandContext = InstallDeps & {
  device: () => Device
  change: (changes: Partial<Device>) => void
  accessRights: number
  later: (deed: Deed) => void
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

export const MDM_DOMAIN = 'MCMDMErrorDomain'

/** Apple: AccessRights. */
export const RIGHT = {
  inspectProfiles: 1,
  installProfiles: 2,
  lockAndPasscode: 4,
  erase: 8,
  queryDevice: 16,
  queryNetwork: 32,
  inspectApps: 256,
  querySecurity: 1024,
  settings: 2048,
  manageApps: 4096,
} as const

/** Deeds without their right are refused; only queries fall silent. */
export function requireRight({ accessRights }: CommandContext, right: number, what: string): void {
  if ((accessRights & right) === 0) throw new CommandFailed(12_004, MDM_DOMAIN, `not permitted to ${what}`)
}

export function stringOf(command: PlistDict, key: string): string {
  const value = command[key]
  if (typeof value !== 'string') throw new CommandFormatError(`${key} is not a string`)
  return value
}

export function optionalString(command: PlistDict, key: string): string | undefined {
  return command[key] === undefined ? undefined : stringOf(command, key)
}

export function dictOf(value: Plist | undefined, key: string): PlistDict {
  if (!isDict(value)) throw new CommandFormatError(`${key} is not a dictionary`)
  return value
}
