import type { MacView } from '../scheduler/snapshot.ts'

/** Requests may go there now, free slots apart. */
export function isRoutable(view: MacView): boolean {
  return view.trust === 'trusted' && view.isLive && !view.isDraining && view.available && view.keyConfig !== undefined
}
