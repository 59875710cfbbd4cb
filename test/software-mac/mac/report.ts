/** One line of a Mac's life, for whoever started it. */
export type MacState =
  | 'starting'
  | 'waiting'
  | 'enrolling'
  | 'enrolled'
  | 'awaiting-configuration'
  | 'bootstrap-token'
  | 'declarations'
  | 'installed'
  | 'locked'
  | 'erased'
  | 'shut-down'
  | 'command'
  | 'agent-started'
  | 'agent-ended'
  | 'refused'
  | 'unenrolled'
  | 'stopped'

export type Report = (state: MacState, detail?: string) => void

/** Exit codes that the supervisor reads; others mean a mishap. */
export const EXIT = {
  stopped: 0,
  /** The server refused this Mac for good. */
  refused: 10,
  /** The enrollment link is spent: a new invitation is needed. */
  linkSpent: 11,
  unenrolled: 12,
  /** Software Apple knows the serial number as another Mac's. */
  serialTaken: 13,
  /** Another process is this Mac. */
  inUse: 14,
  /** The server erased it: what is left is the hardware. */
  erased: 15,
  badOptions: 30,
} as const
