/** Why the coordinator closes an agent's socket (RFC 6455 §7.4: 4000–4999 are ours). The reason beside it is a stable word. */
export const CLOSE = {
  goingAway: 1001,
  /** A frame that breaks the protocol. */
  protocol: 1008,
  tooBig: 1009,
  internal: 1011,
  /** The key was not proved in time, or signed wrongly; also for a serial number that nobody here has. */
  unproved: 4401,
  /** The Mac was revoked, or is no longer to be here. */
  notAllowed: 4403,
  /** Said nothing, or did not answer, for too long. */
  silent: 4408,
  /** Another session of this Mac has taken its place. */
  displaced: 4409,
  /** Sent more than it may. */
  overrun: 4429,
} as const
export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE]
