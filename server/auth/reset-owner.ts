import type { Clock } from '../clock.ts'
import { appendAudit } from '../store/audit.ts'
import type { Store } from '../store/client.ts'
import { insertUserInvitation, revokeInvitationsFor } from '../store/user-invitations.ts'
import { enableUser, findUserByEmail, listOwners, lockPeople } from '../store/users.ts'
import { INVITATION_LIFE_MS, newInvitationLink, type OfferedLink } from './user-invitations.ts'

export type OwnerReset =
  | { outcome: 'offered'; email: string; wasDisabled: boolean; offer: OfferedLink }
  /** Which owner was meant is not clear. */
  | { outcome: 'ambiguous'; owners: string[] }
  | { outcome: 'no-such-owner'; owners: string[] }

/**
 * For whoever has the machine itself, when no owner can sign in any more: a link for an owner's new password, made by nobody. An
 * owner that was disabled is enabled. Nobody is made an owner by it who was none.
 */
export async function resetOwner(
  deps: { store: Store; clock: Clock; publicUrl: URL },
  wish: { email: string | undefined; removesSecondFactor: boolean },
): Promise<OwnerReset> {
  const at = deps.clock.now()
  return deps.store.$transaction(async (db) => {
    await lockPeople(db)
    const owners = (await listOwners(db)).map((owner) => owner.email)
    if (wish.email === undefined && owners.length > 1) return { outcome: 'ambiguous', owners }
    const owner = await findUserByEmail(db, wish.email ?? owners[0] ?? '')
    if (owner === undefined || owner.role !== 'owner') return { outcome: 'no-such-owner', owners }
    const context = { actor: 'system', at } as const
    const wasDisabled = owner.disabledAt !== null
    if (wasDisabled) {
      await enableUser(db, owner.id)
      await appendAudit(db, { type: 'user.enabled', subject: owner.id, detail: {} }, context)
    }
    await revokeInvitationsFor(db, owner.email, at)
    const { link, tokenHash } = newInvitationLink(deps.publicUrl)
    const { removesSecondFactor } = wish
    const row = {
      purpose: 'reset',
      email: owner.email,
      role: owner.role,
      userId: owner.id,
      invitedById: null,
      removesSecondFactor,
    } as const
    const { id, expiresAt } = await insertUserInvitation(db, {
      ...row,
      ...{ tokenHash, createdAt: at, expiresAt: new Date(at.getTime() + INVITATION_LIFE_MS) },
    })
    const event = { type: 'user.reset-offered', subject: owner.id, detail: { invitation: id, removesSecondFactor } } as const
    await appendAudit(db, event, context)
    return { outcome: 'offered', email: owner.email, wasDisabled, offer: { id, link, expiresAt } }
  })
}
