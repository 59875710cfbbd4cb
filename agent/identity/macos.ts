import { AgentError } from '../errors.ts'
import type { Platform } from './platform.ts'

/**
 * A real Mac: the key in the Secure Enclave, the ticket from `/usr/bin/profiles show -output stdout-xml`, SIP from `csrutil status`,
 * the boot session from `sysctl kern.bootsessionuuid`; `keychain` adds to `/Library/Keychains/System.keychain` as root, `sso` asks the
 * extension of the signed package (`attestKey`, macOS 15.4). Refuses wherever it cannot prove where its key lives.
 */
export async function openMacPlatform(): Promise<Platform> {
  if (process.platform !== 'darwin') throw new AgentError('platform_unsupported', 'the platform macos needs a Mac')
  throw new AgentError(
    'platform_unsupported',
    'this build has no native module for the Secure Enclave, the System keychain and Platform SSO; install the signed agent package',
  )
}
