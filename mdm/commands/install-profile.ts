import { type PlistDict, plistDict } from '../plist/value.ts'
import { writePlistBytes } from '../plist/write-plist.ts'
import type { Command } from '../ports.ts'

/** Apple: InstallProfile; a profile of the same PayloadIdentifier is replaced. `Acknowledged` means installed. */
export function installProfile(profile: PlistDict | Uint8Array): Command {
  const bytes = profile instanceof Uint8Array ? profile : writePlistBytes(profile)
  return { requestType: 'InstallProfile', payload: plistDict({ Payload: bytes }) }
}
