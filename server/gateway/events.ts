import type { MacId, SessionId } from '#protocol/ids'

/** What the gateway tells the log and the metrics. Never a frame's content. */
export type GatewayEvent =
  | { type: 'session-live'; session: SessionId; mac: MacId }
  | { type: 'session-closed'; session: SessionId; mac: MacId | undefined; code: number; reason: string }
  | { type: 'session-displaced'; session: SessionId; mac: MacId }
  | { type: 'liveness-lost'; session: SessionId; mac: MacId; reason: string }
  /** A key configuration, or a revocation list, that was not taken. */
  | { type: 'refused'; session: SessionId; mac: MacId; reason: string }
  | { type: 'upgrade-refused'; reason: 'not_found' | 'draining' }
  /** The places for sockets that have proved nothing had run out. */
  | { type: 'stranger-evicted' }
  | { type: 'socket-error'; session: SessionId; error: unknown }
  | { type: 'desk-failed'; session: SessionId; mac: MacId | undefined; error: unknown }

const DESERVES_A_LOOK = new Set<GatewayEvent['type']>([
  'liveness-lost',
  'socket-error',
  'desk-failed',
  'upgrade-refused',
  'stranger-evicted',
])

export function logGatewayEvent(
  log: { debug(fields: object, message: string): void; warn(fields: object, message: string): void },
  event: GatewayEvent,
): void {
  const { type, ...fields } = event
  const named = 'error' in fields ? { ...fields, error: undefined, err: fields.error } : fields
  if (DESERVES_A_LOOK.has(type)) log.warn(named, type)
  else log.debug(named, type)
}
