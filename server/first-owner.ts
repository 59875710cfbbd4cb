import { createApiKey } from './auth/api-keys.ts'
import { hashPassword } from './auth/passwords.ts'
import { ALL_SCOPES } from './auth/permissions.ts'
import type { Clock } from './clock.ts'
import { type FirstRun, makePassword, readFirstRun, writeFirstRun } from './first-run.ts'
import type { Store } from './store/client.ts'
import { createUser, findUserByEmail, setPassword } from './store/users.ts'

const ADMIN_EMAIL = 'admin@espalier.local'

/** `credentials`: what first-run.json holds; undefined where it was rightly deleted. `isNew`: they were made just now. */
export type FirstOwner = { credentials: FirstRun | undefined; isNew: boolean }

/**
 * The owner account and the API key of the first start, kept in first-run.json for whoever started it. In evaluation a lost file
 * is made anew with a new password and key; in production an owner once made is never touched again.
 */
export async function ensureFirstOwner(
  deps: { store: Store; clock: Clock },
  at: { dataDir: string; url: string; mode: 'evaluation' | 'production' },
): Promise<FirstOwner> {
  const kept = readFirstRun(at.dataDir)
  const owner = await findUserByEmail(deps.store, ADMIN_EMAIL)
  if (owner !== undefined && (kept !== undefined || at.mode === 'production')) {
    return { credentials: kept && keepUrl(kept, at), isNew: false }
  }
  const adminPassword = makePassword()
  const passwordHash = await hashPassword(adminPassword)
  const user =
    owner ??
    (await createUser(deps.store, { email: ADMIN_EMAIL, name: 'Administrator', role: 'owner', passwordHash, createdAt: deps.clock.now() }))
  if (owner !== undefined) await setPassword(deps.store, owner.id, passwordHash)
  const { key } = await createApiKey(deps, { owner: user, name: 'First run', scopes: ALL_SCOPES, expiresAt: null })
  const firstRun = { url: at.url, adminEmail: ADMIN_EMAIL, adminPassword, apiKey: key }
  writeFirstRun(at.dataDir, firstRun)
  return { credentials: firstRun, isNew: true }
}

/** The port may have changed since. */
function keepUrl(kept: FirstRun, at: { dataDir: string; url: string }): FirstRun {
  if (kept.url === at.url) return kept
  const current = { ...kept, url: at.url }
  writeFirstRun(at.dataDir, current)
  return current
}
