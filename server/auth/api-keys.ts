import { newId } from '#protocol/ids'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import {
  type ApiKeyOwner,
  type ApiKeyRow,
  countApiKeysSince,
  findApiKey,
  findApiKeyByHash,
  insertApiKey,
  listApiKeyRows,
  markApiKeyRevoked,
  touchApiKey,
} from '../store/api-keys.ts'
import { appendAudit } from '../store/audit.ts'
import type { Db, Store } from '../store/client.ts'
import type { ApiKeyCache, ApiKeyPrincipal, KnownKey } from './api-key-cache.ts'
import { hashApiKey, isWellFormedApiKey, newApiKey, shownPrefix } from './api-key-format.ts'
import { can, grantableScopes, isScope, type Role, type Scope } from './permissions.ts'

export type ApiKeyDeps = {
  store: Store
  clock: Clock
  cache: ApiKeyCache
  /** The list that a revocation joins, and that wins over a restored backup. */
  revocations: { append(tx: Db, revoked: { apiKeyId: string }, at: Date): Promise<void>; publish(): Promise<void> }
}

export type { ApiKeyPrincipal }

/** How often `lastUsedAt` is written at most. */
const TOUCH_EVERY_MS = 60_000
/** Each revoked one stands on the list that every Mac holds: nobody fills that by making keys and revoking them. */
const MAX_KEYS_A_DAY = 500
const DAY_MS = 24 * 3600_000
const PLAYGROUND_KEY_LIFE_MS = 15 * 60_000
const PLAYGROUND_KEY_NAME = 'Playground'

/** Throws `missing_api_key` or `invalid_api_key`; never says which of unknown, expired, revoked or disabled it was. */
export async function authenticateApiKey(
  deps: Pick<ApiKeyDeps, 'store' | 'clock' | 'cache'>,
  header: string | undefined,
): Promise<ApiKeyPrincipal> {
  if (header === undefined || header.trim() === '') throw new AppError('missing_api_key')
  const key = /^Bearer +(\S+)$/i.exec(header.trim())?.[1]
  if (key === undefined) throw new AppError('missing_api_key')
  if (!isWellFormedApiKey(key)) throw new AppError('invalid_api_key')

  const now = deps.clock.now()
  const hash = hashApiKey(key)
  const cacheKey = hash.toString('base64')
  const known = deps.cache.find(cacheKey, now) ?? (await look(deps, hash, cacheKey, now))
  if (known.expiresAt !== null && now >= known.expiresAt) throw new AppError('invalid_api_key')
  noteUse(deps, known, now)
  return known.principal
}

async function look(deps: Pick<ApiKeyDeps, 'store' | 'cache'>, hash: Buffer, cacheKey: string, now: Date): Promise<KnownKey> {
  const generation = deps.cache.generation()
  const found = await findApiKeyByHash(deps.store, hash)
  if (found === undefined || found.key.revokedAt !== null || found.owner.disabledAt !== null) throw new AppError('invalid_api_key')
  const { key, owner } = found
  const known: KnownKey = {
    principal: { keyId: key.id, userId: key.userId, scopes: effectiveScopes(key.scopes, owner.role) },
    expiresAt: key.expiresAt,
    lastUsedAt: key.lastUsedAt,
  }
  deps.cache.keep(cacheKey, known, { generation, now })
  return known
}

/** A key never does more than its owner may do today. */
function effectiveScopes(scopes: readonly string[], role: Role): ReadonlySet<Scope> {
  const grantable = new Set(grantableScopes(role))
  return new Set(scopes.filter((scope): scope is Scope => isScope(scope) && grantable.has(scope)))
}

/** Never waited for: a known key works while the database is away, and the next use a minute later notes itself. */
function noteUse(deps: Pick<ApiKeyDeps, 'store'>, known: KnownKey, now: Date): void {
  if (known.lastUsedAt !== null && now.getTime() - known.lastUsedAt.getTime() < TOUCH_EVERY_MS) return
  known.lastUsedAt = now
  void touchApiKey(deps.store, known.principal.keyId, now).catch(() => undefined)
}

export function requireScope(principal: ApiKeyPrincipal, scope: Scope): void {
  if (principal.scopes.has(scope)) return
  throw new AppError('insufficient_scope', { public: `This API key lacks the scope “${scope}”.` })
}

export type CreatedApiKey = {
  id: string
  key: string
  prefix: string
  name: string
  scopes: Scope[]
  createdAt: Date
  expiresAt: Date | null
}

/** Creates a key for its owner. The key itself is in the answer and nowhere else afterwards. */
export async function createApiKey(
  deps: Pick<ApiKeyDeps, 'store' | 'clock'>,
  wish: { owner: { id: string; role: Role }; name: string; scopes: readonly Scope[]; expiresAt: Date | null },
): Promise<CreatedApiKey> {
  const grantable = grantableScopes(wish.owner.role)
  const excess = wish.scopes.filter((scope) => !grantable.includes(scope))
  if (excess.length > 0) throw new AppError('forbidden', { public: `Your role cannot grant: ${excess.join(', ')}.`, param: 'scopes' })

  const createdAt = deps.clock.now()
  if (wish.expiresAt !== null && wish.expiresAt <= createdAt)
    throw new AppError('invalid_request', { public: 'The expiry lies in the past.', param: 'expiresAt' })
  const key = newApiKey()
  const scopes = [...new Set(wish.scopes)]
  const shown = { id: newId('key'), prefix: shownPrefix(key), name: wish.name, scopes, createdAt, expiresAt: wish.expiresAt }
  await deps.store.$transaction(async (db) => {
    const made = await countApiKeysSince(db, { userId: wish.owner.id, since: new Date(createdAt.getTime() - DAY_MS) })
    if (made >= MAX_KEYS_A_DAY) {
      const text = `You have made ${made} keys within a day. Try again tomorrow.`
      throw new AppError('too_many_requests', { public: text, retryAfterSeconds: 3600 })
    }
    await insertApiKey(db, { ...shown, userId: wish.owner.id, hash: hashApiKey(key) })
    const event = { type: 'api-key.created', subject: shown.id, detail: { prefix: shown.prefix, scopes } } as const
    await appendAudit(db, event, { actor: `user:${wish.owner.id}`, at: createdAt })
  })
  return { ...shown, key }
}

/** A key for the console's playground: inference only, gone after a quarter of an hour. */
export function createPlaygroundKey(deps: Pick<ApiKeyDeps, 'store' | 'clock'>, owner: { id: string; role: Role }): Promise<CreatedApiKey> {
  const expiresAt = new Date(deps.clock.now().getTime() + PLAYGROUND_KEY_LIFE_MS)
  return createApiKey(deps, { owner, name: PLAYGROUND_KEY_NAME, scopes: ['inference', 'models:read'], expiresAt })
}

/** Revokes a key at once. One's own needs `manage their own API keys`, anyone else's `revoke everyone’s API keys`. */
export async function revokeApiKey(deps: ApiKeyDeps, revocation: { id: string; by: { id: string; role: Role } }): Promise<void> {
  const found = await findApiKey(deps.store, revocation.id)
  const { by } = revocation
  const isOwn = found?.key.userId === by.id
  if (found === undefined || (!isOwn && !can(by.role, 'read everyone’s API keys'))) throw new AppError('not_found')
  if (!can(by.role, isOwn ? 'manage their own API keys' : 'revoke everyone’s API keys')) throw new AppError('forbidden')
  const at = deps.clock.now()
  await deps.store.$transaction(async (db) => {
    if (!(await markApiKeyRevoked(db, found.key.id, at))) return
    const event = { type: 'api-key.revoked', subject: found.key.id, detail: { prefix: found.key.prefix } } as const
    await appendAudit(db, event, { actor: `user:${by.id}`, at })
    await deps.revocations.append(db, { apiKeyId: found.key.id }, at)
  })
  deps.cache.forgetAll()
  await deps.revocations.publish()
}

/** One's own keys; everyone's for those who may read them. */
export function listVisibleApiKeys(
  deps: Pick<ApiKeyDeps, 'store' | 'clock'>,
  query: { by: { id: string; role: Role }; onlyActive: boolean; page: number; pageSize: number },
): Promise<{ rows: { key: ApiKeyRow; owner: ApiKeyOwner }[]; total: number }> {
  const userId = can(query.by.role, 'read everyone’s API keys') ? undefined : query.by.id
  const activeAt = query.onlyActive ? deps.clock.now() : undefined
  return listApiKeyRows(deps.store, { userId, activeAt, skip: (query.page - 1) * query.pageSize, take: query.pageSize })
}
