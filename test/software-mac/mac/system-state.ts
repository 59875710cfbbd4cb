import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { readJson, writeJson } from '../durable-file.ts'

/** What macOS of this Mac keeps beside the hardware's facts: `system.json`. */
export type SystemState = {
  applications: Application[]
  /** Of Recovery Lock; absent where there is none. */
  recoveryLock?: string
  fileVaultRecoveryKey: string
  /** Made once for the volume; the server may hold it in escrow. */
  bootstrapToken: string
  timeZone: string
  organization?: Record<string, string>
  mdmOptions: Record<string, boolean>
  /** DeviceLock: the Mac is gone until somebody types this. */
  lockedWith?: { pin: string; message?: string }
}

export type Application = { identifier: string; name: string; version: string; bytes: number; isManaged: boolean; isInstalling?: boolean }

/** Any FileVault user's password on this Mac. */
export const USER_PASSWORD = 'software-mac'

const systemFile = (directory: string) => join(directory, 'system.json')

/** Made at the first look: the keys of a volume do not change by being read. */
export function readSystem(directory: string): SystemState {
  const stored = readJson<SystemState>(systemFile(directory))
  if (stored !== undefined) return stored
  const fresh: SystemState = {
    applications: [],
    fileVaultRecoveryKey: newRecoveryKey(),
    bootstrapToken: randomBytes(48).toString('base64'),
    timeZone: 'Etc/UTC',
    mdmOptions: {},
  }
  writeJson(systemFile(directory), fresh)
  return fresh
}

export function changeSystem(directory: string, change: (state: SystemState) => SystemState): SystemState {
  const changed = change(readSystem(directory))
  writeJson(systemFile(directory), changed)
  return changed
}

/** Six groups of four, as macOS shows it. */
export function newRecoveryKey(): string {
  const letters = [...randomBytes(24)].map((byte) => 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'[byte % 32]).join('')
  return (letters.match(/.{4}/g) ?? []).join('-')
}
