import { readJson, writeJson } from '../../durable-file.ts'
import { declarationsFile } from '../declarations.ts'
import { type Command, CommandFailed, CommandFormatError, MDM_DOMAIN } from './command.ts'

/** Apple: EnableRemoteDesktop and DisableRemoteDesktop; on supervised Macs only. SecurityInfo follows. */
export const switchRemoteDesktop =
  (remoteDesktop: boolean): Command =>
  async (_command, { device, change }) => {
    if (!device().isSupervised) throw new CommandFailed(12_063, MDM_DOMAIN, 'this Mac is not supervised')
    change({ remoteDesktop })
    return {}
  }

/** Apple: DeviceConfigured. Lets a Mac go on that waits in Setup Assistant; to any other it says nothing new. */
export const deviceConfigured: Command = async (_command, { later }) => {
  later({ kind: 'configured' })
  return {}
}

/** Apple: DeclarativeManagement. The first one switches it on; each says that there may be something new. */
export const declarativeManagement: Command = async (command, { directory, later }) => {
  const { Data } = command
  if (Data !== undefined && !(Data instanceof Uint8Array)) throw new CommandFormatError('Data is not data')
  if (Data !== undefined && !isTokens(Data)) throw new CommandFormatError('Data is not a tokens response')
  const file = declarationsFile(directory)
  if (readJson(file) === undefined) writeJson(file, { declarations: [] })
  later({ kind: 'declarations' })
  return {}
}

function isTokens(data: Uint8Array): boolean {
  try {
    const { SyncTokens } = JSON.parse(Buffer.from(data).toString()) as { SyncTokens?: { DeclarationsToken?: unknown; Timestamp?: unknown } }
    return typeof SyncTokens?.DeclarationsToken === 'string' && typeof SyncTokens.Timestamp === 'string'
  } catch {
    return false
  }
}
