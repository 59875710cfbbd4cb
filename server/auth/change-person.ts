import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import type { Db, Store } from '../store/client.ts'
import { countActiveOwners, findUser, lockPeople, type UserRow } from '../store/users.ts'
import type { ApiKeyCache } from './api-key-cache.ts'
import { manageableRoles, type Role } from './permissions.ts'

export type PeopleDeps = { store: Store; clock: Clock; cache: ApiKeyCache }

export type Change = { db: Db; by: UserRow; at: Date; actor: `user:${string}` }

/**
 * Runs a change to accounts in one transaction, one change after the other. Who makes it is looked up anew inside: two people who
 * take each other's role away at once cannot both succeed. Without an active owner at its end nothing of it happened.
 */
export async function changingPeople<T>(deps: PeopleDeps, byId: string, work: (change: Change) => Promise<T>): Promise<T> {
  const at = deps.clock.now()
  const result = await deps.store.$transaction(async (db) => {
    await lockPeople(db)
    const by = await findUser(db, byId)
    if (by === undefined || by.disabledAt !== null) throw new AppError('not_signed_in')
    if (manageableRoles(by.role).length === 0) throw new AppError('forbidden')
    const done = await work({ db, by, at, actor: `user:${by.id}` })
    if ((await countActiveOwners(db)) === 0) throw new AppError('conflict', { public: LAST_OWNER })
    return done
  })
  // API keys do what their owners may do: what is known of any may be wrong now.
  deps.cache.forgetAll()
  return result
}

const LAST_OWNER = 'This is the last active owner. Make somebody else an owner first.'

/** The account to be changed, which whoever changes it must be allowed to reach. */
export async function findManageable({ db, by }: Change, userId: string): Promise<UserRow> {
  const user = await findUser(db, userId)
  if (user === undefined) throw new AppError('not_found', { public: 'There is no such person.' })
  assertMayManage(by.role, user.role)
  return user
}

export function assertMayManage(by: Role, role: Role): void {
  if (manageableRoles(by).includes(role)) return
  throw new AppError('forbidden', {
    public: role === 'owner' ? 'Only owners make, change and disable owners.' : 'Your role does not reach that far.',
  })
}
