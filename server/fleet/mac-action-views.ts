import { z } from 'zod'
import type { MacId } from '#protocol/ids'
import type { Actor } from '../audit/events.ts'

// What the console may ask of one Mac and is shown of it; `mac-actions.ts` does it. Nothing of MDM is imported here, because the
// console's build reads these types, too.

/** Who wants something of which Mac. */
export type Wish = { mac: MacId; by: Actor }

export const LockPin = z.object({ pin: z.string(), lockedAt: z.date() })
export type LockPin = z.infer<typeof LockPin>

export interface MacActions {
  /** Throws `not_found`, and `conflict` where the Mac cannot be reached by this command. So do the others. */
  restart(wish: Wish & { notifiesUser: boolean }): Promise<void>
  /** Returns the PIN that opens the Mac again. */
  lock(wish: Wish & { message: string | undefined }): Promise<{ pin: string }>
  /** `serial` is what the administrator typed: it must be this Mac's. */
  erase(wish: Wish & { serial: string }): Promise<void>
  refresh(wish: Wish): Promise<{ asksApple: boolean }>
  /** The PIN of the last lock, and those of the few before it; on record. */
  showLockPin(wish: Wish): Promise<LockPin & { earlier: LockPin[] }>
  listCommands(mac: MacId, limit: number): Promise<MacCommand[]>
}

export const MacCommand = z.object({
  id: z.string(),
  requestType: z.string(),
  state: z.enum(['queued', 'sent', 'not_now', 'acknowledged', 'failed', 'expired', 'cancelled']),
  createdAt: z.date(),
  sentAt: z.date().nullable(),
  settledAt: z.date().nullable(),
  expiresAt: z.date(),
  /** What the Mac said of a failure. */
  error: z.string().nullable(),
})
export type MacCommand = z.infer<typeof MacCommand>
