import type { ApiKeyDeps } from '../auth/api-keys.ts'
import type { SessionDeps, SignedIn } from '../auth/sessions.ts'
import type { FleetReader } from '../fleet/views.ts'

export type ConsoleDeps = SessionDeps &
  ApiKeyDeps & {
    mode: 'evaluation' | 'production'
    publicUrl: URL
    fleet: FleetReader
  }

/** What every procedure is given: the appliance's parts, and who asks. */
export type Context = { deps: ConsoleDeps; signedIn: SignedIn | undefined }
