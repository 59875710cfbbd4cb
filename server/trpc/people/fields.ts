import { z } from 'zod'
import { ROLES } from '../../auth/permissions.ts'

/** What people are called and reached by, wherever a procedure takes or gives it. */
export const PersonId = z.string().regex(/^usr_[0-9a-z]{16,32}$/, 'an id of the form usr_…')
export const UserInvitationId = z.string().regex(/^inv_[0-9a-z]{16,32}$/, 'an id of the form inv_…')
export const RoleName = z.enum(ROLES)
export const Email = z.email('That is not an e-mail address.').max(200)
/** No control characters: a name stands in lists, mails and terminals. */
export const PersonName = z
  .string()
  .trim()
  .min(1, 'Give a name.')
  .max(80)
  .regex(/^\P{C}+$/u, 'The name holds a character that cannot be shown.')
export const Password = z.string().min(1).max(1024)
/** 256 random bits in base64url. */
export const InvitationToken = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'The link is not complete. Copy all of it.')

/** A link that is shown this once. */
export const OfferedLink = z.object({ id: z.string(), link: z.string(), expiresAt: z.date() })
