import { createHash, randomBytes } from 'node:crypto'
import { AppError } from '../errors.ts'
import { appendAudit } from '../store/audit.ts'
import {
  findUserInvitation,
  insertUserInvitation,
  listOpenInvitations,
  markInvitationRevoked,
  revokeInvitationsFor,
  type UserInvitationRow,
} from '../store/user-invitations.ts'
import { findUserByEmail } from '../store/users.ts'
import { assertMayManage, type Change, changingPeople, findManageable, type PeopleDeps } from './change-person.ts'
import type { Role } from './permissions.ts'

export type UserInvitationDeps = PeopleDeps & { publicUrl: URL }

/** How long a link that sets a password can be used. */
export const INVITATION_LIFE_MS = 72 * 3600_000
const TOKEN_BYTES = 32

/** A link that is shown once: only the hash of its token is kept. */
export type OfferedLink = { id: string; link: string; expiresAt: Date }

export const hashInvitationToken = (token: string): Uint8Array => new Uint8Array(createHash('sha256').update(token).digest())

/** The token stands behind the `#`, which browsers send to nobody: it is in no log and no Referer. */
export function newInvitationLink(publicUrl: URL): { link: string; tokenHash: Uint8Array } {
  const token = randomBytes(TOKEN_BYTES).toString('base64url')
  return { link: new URL(`/accept-invitation#${token}`, publicUrl).href, tokenHash: hashInvitationToken(token) }
}

/** Invites somebody to have an account. A link that was made for the same address before ends. */
export function invitePerson(deps: UserInvitationDeps, wish: { email: string; role: Role; by: string }): Promise<OfferedLink> {
  return changingPeople(deps, wish.by, (change) => inviteAgain(deps, change, wish))
}

async function inviteAgain(deps: UserInvitationDeps, change: Change, wish: { email: string; role: Role }): Promise<OfferedLink> {
  assertMayManage(change.by.role, wish.role)
  if ((await findUserByEmail(change.db, wish.email)) !== undefined)
    throw new AppError('conflict', { public: 'Somebody with this address has an account already.', param: 'email' })
  const offer = await offerLink(deps, change, {
    purpose: 'join',
    email: wish.email,
    role: wish.role,
    userId: null,
    removesSecondFactor: false,
  })
  const event = { type: 'user.invited', subject: offer.id, detail: { email: wish.email, role: wish.role } } as const
  await appendAudit(change.db, event, change)
  return offer
}

/** Offers somebody who has an account a new password. Their own present one stays good until the link is used. */
export function offerReset(
  deps: UserInvitationDeps,
  wish: { userId: string; removesSecondFactor: boolean; by: string },
): Promise<OfferedLink> {
  return changingPeople(deps, wish.by, (change) => resetAgain(deps, change, wish))
}

async function resetAgain(
  deps: UserInvitationDeps,
  change: Change,
  { userId, removesSecondFactor }: { userId: string; removesSecondFactor: boolean },
): Promise<OfferedLink> {
  const user = await findManageable(change, userId)
  if (user.id === change.by.id) throw new AppError('conflict', { public: 'Change your own password under Account.' })
  if (user.disabledAt !== null) throw new AppError('conflict', { public: 'This account is disabled. Enable it first.' })
  const { email, role } = user
  const offer = await offerLink(deps, change, { purpose: 'reset', email, role, userId, removesSecondFactor })
  const event = { type: 'user.reset-offered', subject: user.id, detail: { invitation: offer.id, removesSecondFactor } } as const
  await appendAudit(change.db, event, change)
  return offer
}

type Wish = Pick<UserInvitationRow, 'purpose' | 'email' | 'role' | 'userId' | 'removesSecondFactor'>

async function offerLink({ publicUrl }: UserInvitationDeps, { db, by, at }: Change, wish: Wish): Promise<OfferedLink> {
  await revokeInvitationsFor(db, wish.email, at)
  const { link, tokenHash } = newInvitationLink(publicUrl)
  const expiresAt = new Date(at.getTime() + INVITATION_LIFE_MS)
  const { id } = await insertUserInvitation(db, { ...wish, invitedById: by.id, createdAt: at, expiresAt, tokenHash })
  return { id, link, expiresAt }
}

/** A new link for one that was lost or has expired; the old one ends. */
export function reissueInvitation(deps: UserInvitationDeps, wish: { id: string; by: string }): Promise<OfferedLink> {
  return changingPeople(deps, wish.by, async (change) => {
    const invitation = await findUserInvitation(change.db, wish.id)
    if (invitation === undefined) throw new AppError('not_found', { public: 'There is no such invitation.' })
    if (invitation.usedAt !== null) throw new AppError('conflict', { public: 'This invitation was used.' })
    assertMayManage(change.by.role, invitation.role)
    const { userId, removesSecondFactor } = invitation
    return invitation.purpose === 'reset' && userId !== null
      ? resetAgain(deps, change, { userId, removesSecondFactor })
      : inviteAgain(deps, change, invitation)
  })
}

/** Ends a link that was not used yet. */
export function revokeInvitation(deps: PeopleDeps, wish: { id: string; by: string }): Promise<void> {
  return changingPeople(deps, wish.by, async (change) => {
    const invitation = await findUserInvitation(change.db, wish.id)
    if (invitation === undefined) throw new AppError('not_found', { public: 'There is no such invitation.' })
    assertMayManage(change.by.role, invitation.role)
    if (!(await markInvitationRevoked(change.db, invitation.id, change.at)))
      throw new AppError('conflict', { public: 'This invitation was used or withdrawn already.' })
    await appendAudit(change.db, { type: 'user.invitation-revoked', subject: invitation.id, detail: { email: invitation.email } }, change)
  })
}

/** The links that can still be used, without their tokens. */
export const listInvitations = (deps: Pick<PeopleDeps, 'store' | 'clock'>): Promise<UserInvitationRow[]> =>
  listOpenInvitations(deps.store, deps.clock.now())
