import { createApiKey } from './auth/api-keys.ts'
import { hashPassword } from './auth/passwords.ts'
import { ALL_SCOPES } from './auth/permissions.ts'
import type { Clock } from './clock.ts'
import { type FirstRun, makePassword, readFirstRun, writeFirstRun } from './first-run.ts'
import type { Store } from './store/client.ts'
import { createUser, findUserByEmail, setPassword } from './store/users.ts'

const ADMIN_EMAIL = 'admin@espalier.local'

/**
 * The owner account and the API key of the first start, kept in first-run.json for whoever started it. Where that file is gone, so
 * is the only copy of its secrets: the owner gets new ones.
 */
export async function ensureFirstOwner(deps: { store: Store; clock: Clock }, at: { dataDir: string; url: string }): Promise<FirstRun> {
  const kept = readFirstRun(at.dataDir)
  const owner = await findUserByEmail(deps.store, ADMIN_EMAIL)
  if (kept !== undefined && owner !== undefined) return keepUrl(kept, at)
  const adminPassword = makePassword()
  const passwordHash = await hashPassword(adminPassword)
  const user =
    owner ??
    (await createUser(deps.store, { email: ADMIN_EMAIL, name: 'Administrator', role: 'owner', passwordHash, createdAt: deps.clock.now() }))
  if (owner !== undefined) await setPassword(deps.store, owner.id, passwordHash)
  const { key } = await createApiKey(deps, { owner: user, name: 'First run', scopes: ALL_SCOPES, expiresAt: null })
  const firstRun = { url: at.url, adminEmail: ADMIN_EMAIL, adminPassword, apiKey: key }
  writeFirstRun(at.dataDir, firstRun)
  return firstRun
}

/** The port may have changed since. */
function keepUrl(kept: FirstRun, at: { dataDir: string; url: string }): FirstRun {
  if (kept.url === at.url) return kept
  const current = { ...kept, url: at.url }
  writeFirstRun(at.dataDir, current)
  return current
}
