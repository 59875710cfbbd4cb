import type { Fleet } from '../ports.ts'
import type { ScriptedMac } from './scripted-mac.ts'

/** A Fleet of scripted Macs. `changed()` wakes like the real one: when a slot is freed, or when `touch` says that a view changed. */
export function createScriptedFleet(macs: readonly ScriptedMac[]): Fleet & { touch(): void } {
  let waiting: (() => void)[] = []
  const touch = () => {
    const woken = waiting
    waiting = []
    for (const wake of woken) wake()
  }
  return {
    snapshot: () => ({ macs: macs.map((mac) => mac.view) }),
    changed: (signal) =>
      new Promise((resolve) => {
        waiting.push(resolve)
        signal.addEventListener('abort', () => resolve(), { once: true })
        if (signal.aborted) resolve()
      }),
    open: (head) => macs.find((mac) => mac.view.mac === head.mac)?.open(head, touch),
    touch,
  }
}
