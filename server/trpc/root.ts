import { createApiKey } from './api-keys/create-api-key.ts'
import { listApiKeys } from './api-keys/list-api-keys.ts'
import { revokeApiKey } from './api-keys/revoke-api-key.ts'
import { getOverview } from './fleet/get-overview.ts'
import { getEvidence } from './macs/get-evidence.ts'
import { getMac } from './macs/get-mac.ts'
import { inviteMac } from './macs/invite-mac.ts'
import { listMacEvents } from './macs/list-mac-events.ts'
import { listMacs } from './macs/list-macs.ts'
import { revokeMac } from './macs/revoke-mac.ts'
import { createPlaygroundKey } from './playground/create-playground-key.ts'
import { router } from './procedure.ts'
import { getSession } from './session/get-session.ts'
import { listMySessions } from './session/list-my-sessions.ts'
import { revokeSession } from './session/revoke-session.ts'

/** Everything the console can ask. */
export const appRouter = router({
  session: router({ getSession, listMySessions, revokeSession }),
  fleet: router({ getOverview }),
  macs: router({ listMacs, getMac, listMacEvents, getEvidence, inviteMac, revokeMac }),
  apiKeys: router({ listApiKeys, createApiKey, revokeApiKey }),
  playground: router({ createPlaygroundKey }),
})
export type AppRouter = typeof appRouter
