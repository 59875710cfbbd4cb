import type { Issuer } from '../../mdm/ports.ts'
import type { AppleBusiness } from '../apple-business/views.ts'
import type { Policy } from '../attestation/policy.ts'
import type { Actor } from '../audit/events.ts'
import type { Clock } from '../clock.ts'
import type { PushDesk } from '../push/push-desk.ts'
import type { SecretBox } from '../secrets.ts'
import type { Store } from '../store/client.ts'
import type { Echo } from './echo.ts'
import type { Egress, OutsideHost } from './egress.ts'

export type SetupDeps = {
  store: Store
  secrets: SecretBox
  clock: Clock
  mode: 'evaluation' | 'production'
  publicUrl: string
  organization: string
  /** Where ESPALIER_SECRET comes from, and how many earlier ones are still good for opening. */
  secret: { source: 'environment' | 'generated'; previous: number }
  push: Pick<PushDesk, 'read'>
  appleBusiness: Pick<AppleBusiness, 'listLinks'>
  policy: () => Policy
  /** This installation's own signer of profiles. */
  ownSigner: () => Promise<Issuer>
  echo: Echo
  hosts: readonly OutsideHost[]
  egress: Egress
  invite(invitation: { serial: string; actor: Actor }): Promise<{ url: string; expiresAt: Date }>
  /** PEM; whose certificates everybody trusts, where a test has its own. */
  publicAnchors?: readonly string[]
}
