import type { AppleBusiness } from '../apple-business/views.ts'
import type { ApiKeyDeps } from '../auth/api-keys.ts'
import type { SessionDeps, SignedIn } from '../auth/sessions.ts'
import type { SignInLimits } from '../auth/sign-in-limits.ts'
import type { MacActions } from '../fleet/mac-action-views.ts'
import type { FleetReader } from '../fleet/views.ts'
import type { PolicyDesk } from '../policy/views.ts'
import type { PushDesk } from '../push/push-desk.ts'
import type { Releases } from '../releases/views.ts'
import type { SecretBox } from '../secrets.ts'
import type { SetupDesk } from '../setup/views.ts'

export type ConsoleDeps = SessionDeps &
  ApiKeyDeps & {
    mode: 'evaluation' | 'production'
    publicUrl: URL
    fleet: FleetReader
    macActions: MacActions
    policy: PolicyDesk
    appleBusiness: AppleBusiness
    releases: Releases
    push: PushDesk
    setup: SetupDesk
    limits: SignInLimits
    secrets: SecretBox
  }

/** What every procedure is given: the appliance's parts, who asks, and from which address. */
export type Context = { deps: ConsoleDeps; signedIn: SignedIn | undefined; ip: string }
