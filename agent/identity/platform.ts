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
}
