import { readManifest } from '../install-application.ts'
import type { PlistDict } from '../plist/write.ts'
import { ProfileError, webAddress } from '../profile.ts'
import { type Application, readSystem } from '../system-state.ts'
import { type ApplicationSource, type Command, CommandFormatError, dictOf, RIGHT, requireRight } from './command.ts'

const AGENT = 'dev.espalier.agent'

/** Apple: InstalledApplicationList. Names and versions; nothing of code signatures on a Mac. */
export const installedApplicationList: Command = async (command, context) => {
  if ((context.accessRights & RIGHT.inspectApps) === 0) return {}
  const wanted = command.Identifiers
  const { applications } = readSystem(context.directory)
  const agent: Application = { identifier: AGENT, name: 'Espalier', version: context.agentVersion, bytes: 1, isManaged: true }
  const all = applications.some(({ identifier }) => identifier === AGENT) ? applications : [agent, ...applications]
  const listed = all
    .filter(({ identifier }) => !Array.isArray(wanted) || wanted.includes(identifier))
    .filter(({ isManaged }) => command.ManagedAppsOnly !== true || isManaged)
  return { InstalledApplicationList: listed.map(describe) }
}

const describe = ({ identifier, name, version, bytes, isInstalling }: Application): PlistDict => ({
  Identifier: identifier,
  Name: name,
  Version: version,
  ShortVersion: version,
  BundleSize: bytes,
  ...(isInstalling === true ? { Installing: true } : {}),
})

/** Apple: InstallEnterpriseApplication. Acknowledged means accepted; the package is fetched, checked and installed afterwards. */
export const installEnterpriseApplication: Command = async (command, context) => {
  requireRight(context, RIGHT.manageApps, 'install applications')
  context.later({ kind: 'install', source: sourceOf(command) })
  return {}
}

function sourceOf(command: PlistDict): ApplicationSource {
  try {
    if (command.ManifestURL !== undefined) return { manifestUrl: webAddress(command, 'ManifestURL') }
    const manifest = dictOf(command.Manifest, 'Manifest')
    readManifest(manifest)
    return { manifest }
  } catch (error) {
    if (error instanceof ProfileError) throw new CommandFormatError(error.message)
    throw error
  }
}
