import { type PlistDict, plistDict } from '../plist/value.ts'
import type { Command } from '../ports.ts'
import { requireHttps } from './arguments.ts'

/** ManagementFlags: the app goes when the MDM profile goes. */
const REMOVE_WITH_PROFILE = 1n
const MAX_PINNED = 16

export type InstallEnterpriseApplication = (
  | { manifest: PlistDict }
  | { manifestUrl: string; pinnedCertificates?: readonly Uint8Array[]; isRevocationCheckRequired?: boolean }
) & {
  /** Managed: only what lies in /Applications counts, and it may be removed with the profile. */
  isManaged?: boolean
  /** Takes over an app that a person installed. */
  takesOver?: boolean
  configuration?: PlistDict
}

/**
 * Apple: InstallEnterpriseApplication. Needs AccessRights 4096. `Acknowledged` means accepted, not installed: read the version back
 * with InstalledApplicationList. https://developer.apple.com/documentation/devicemanagement/installenterpriseapplicationcommand
 */
export function installEnterpriseApplication(options: InstallEnterpriseApplication): Command {
  const isManaged = options.isManaged ?? true
  if (options.takesOver === true && !isManaged) throw new TypeError('only a managed application can take over another')
  return {
    requestType: 'InstallEnterpriseApplication',
    payload: plistDict({
      ...('manifest' in options ? { Manifest: options.manifest } : fromUrl(options)),
      InstallAsManaged: isManaged,
      ManagementFlags: isManaged ? REMOVE_WITH_PROFILE : undefined,
      ChangeManagementState: options.takesOver === true ? 'Managed' : undefined,
      Configuration: options.configuration,
    }),
  }
}

function fromUrl(options: { manifestUrl: string; pinnedCertificates?: readonly Uint8Array[]; isRevocationCheckRequired?: boolean }) {
  const { pinnedCertificates: pinned } = options
  if (pinned !== undefined && (pinned.length === 0 || pinned.length > MAX_PINNED))
    throw new TypeError(`1 to ${MAX_PINNED} certificates are pinned`)
  return {
    ManifestURL: requireHttps(options.manifestUrl),
    ManifestURLPinningCerts: pinned === undefined ? undefined : [...pinned],
    PinningRevocationCheckRequired: options.isRevocationCheckRequired,
  }
}
