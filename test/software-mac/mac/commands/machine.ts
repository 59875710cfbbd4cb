import { type Command, CommandFailed, RIGHT } from './command.ts'

export const restartDevice: Command = async (_command, { accessRights, rebootLater }) => {
  if ((accessRights & RIGHT.lockAndPasscode) === 0) throw new CommandFailed(12_004, 'MCMDMErrorDomain', 'not permitted to restart')
  rebootLater()
  return {}
}

export const installedApplicationList: Command = async (_command, { accessRights, agentVersion }) => {
  if ((accessRights & RIGHT.inspectApps) === 0) return {}
  const agent = { Identifier: 'dev.espalier.agent', Name: 'Espalier', Version: agentVersion, ShortVersion: agentVersion, BundleSize: 1 }
  return { InstalledApplicationList: [agent] }
}
