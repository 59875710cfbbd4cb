import type { AdeClient } from '../../mdm/ade/client.ts'
import type { ServerToken } from '../../mdm/ade/server-token.ts'
import type { Clock } from '../clock.ts'
import type { SecretBox } from '../secrets.ts'
import type { Store } from '../store/client.ts'

export type AppleBusinessDeps = {
  store: Store
  secrets: SecretBox
  clock: Clock
  organization: string
  /** Where Macs reach this appliance, without a trailing slash. */
  publicUrl: string
  /** Certificates (DER) of the company's own authorities, under which Setup Assistant accepts this appliance. */
  trustAnchors: () => Promise<readonly Uint8Array[]>
  /** Speaks to Apple's enrollment service (mdm/ade/client.ts) in the name of one token. */
  connect: (token: ServerToken) => Promise<AdeClient>
}

/** The names that a link's secrets are sealed under. */
export const keyName = (link: string): string => `apple-business-key:${link}`
export const tokenName = (link: string): string => `apple-business-token:${link}`
