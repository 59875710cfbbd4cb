import type { Claims } from '#protocol/frames'
import type { Signer } from '#protocol/statements'

/** What a Mac says of its own state, read anew each time that it is claimed. */
type PlatformFacts = Pick<Claims, 'sipEnabled' | 'secureBoot' | 'osVersion' | 'osBuild' | 'rdmaEnabled' | 'bootSession'>

/** The machine under the agent: the narrowest that the agent needs of it. */
export interface Platform {
  readonly kind: Claims['platform']
  readonly serial: string
  /** P-256; on a Mac the key never leaves the Secure Enclave. */
  readonly signer: Signer
  /** SHA-256 (hex) of the code that runs. */
  readonly codeHash: string
  readonly teamId: string | null
  facts(): Promise<PlatformFacts>
  /** The one-time secret that MDM delivered to this Mac under this id; undefined while it is not there. */
  readTicket(ticketId: string): Promise<Uint8Array | undefined>
  /** Where the agent's key can be shown to the Mac's MDM client (level mdm-signed); undefined where this Mac cannot. */
  readonly keychain: SystemKeychain | undefined
  /** Who can have Apple attest the agent's key (level apple); undefined where this Mac cannot. */
  readonly sso: PlatformSso | undefined
}

/** The System keychain, whose certificates the MDM client reports in CertificateList. Only root writes to it. */
export interface SystemKeychain {
  /** Adds this certificate of the agent's key (DER), in place of every one that the agent had added before. */
  publish(certificate: Uint8Array): Promise<void>
}

/** The agent's Platform SSO extension, which holds the same key. https://developer.apple.com/documentation/authenticationservices */
export interface PlatformSso {
  /** Apple's certificates for the agent's key, leaf first; the freshness code is `clientDataHash`, or an older one from a cache. */
  attestKey(clientDataHash: Uint8Array, signal: AbortSignal): Promise<Uint8Array[]>
}
