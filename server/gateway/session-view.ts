import type { SessionView } from '../fleet/ports.ts'
import type { MacView } from '../scheduler/snapshot.ts'
import type { SessionState } from './session-state.ts'

/** Requests may go there now, free slots apart. */
export function isRoutable(view: MacView): boolean {
  return view.trust === 'trusted' && view.isLive && !view.isDraining && view.available && view.keyConfig !== undefined
}

/** A session as people see it; one that has not proved whose it is shows as a Mac of unknown trust that can do nothing. */
export function showSession(
  { session, mac, phase, claims }: SessionState,
  view: MacView | undefined,
  facts: Pick<SessionView, 'openedAt' | 'agentVersion' | 'thermal'>,
): SessionView | undefined {
  if (view !== undefined) return { ...view, ...facts, session, isRoutable: isRoutable(view) }
  if (mac === undefined || claims === undefined || phase === 'closed') return undefined
  const idle: MacView = {
    mac,
    trust: 'unknown',
    reasons: [],
    isLive: false,
    isDraining: false,
    available: false,
    slots: 0,
    active: 0,
    models: [],
    keyConfig: undefined,
    evidenceDigest: undefined,
  }
  return { ...idle, ...facts, session, isRoutable: false }
}
