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
  // Without a password it was cut off before it was finished, and nobody has signed in yet.
  const isFinished = owner !== undefined && owner.passwordHash !== null
  if (isFinished && (kept !== undefined || at.mode === 'production')) {
    return { credentials: kept && keepUrl(kept, at), isNew: false }
  }
  const unfinished = { email: ADMIN_EMAIL, name: 'Administrator', role: 'owner', passwordHash: null, createdAt: deps.clock.now() } as const
  const user = owner ?? (await createUser(deps.store, unfinished))
  const adminPassword = makePassword()
  const { key } = await createApiKey(deps, { owner: user, name: 'First run', scopes: ALL_SCOPES, expiresAt: null })
  const firstRun = { url: at.url, adminEmail: ADMIN_EMAIL, adminPassword, apiKey: key }
  writeFirstRun(at.dataDir, firstRun)
  // Last, so that no owner is ever finished whose password was not written down.
  await setPassword(deps.store, user.id, await hashPassword(adminPassword))
  return { credentials: firstRun, isNew: true }
}

/** The port may have changed since. */
function keepUrl(kept: FirstRun, at: { dataDir: string; url: string }): FirstRun {
  if (kept.url === at.url) return kept
  const current = { ...kept, url: at.url }
  writeFirstRun(at.dataDir, current)
  return current
}
