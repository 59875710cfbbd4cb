import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createBackoff } from './backoff.ts'
import { isHeld } from './process-lock.ts'
import { runOnce, startChild } from './supervise.ts'

const MAIN = join(import.meta.dirname, 'apple/main.ts')
const GRACE_MS = 5_000
const READY_MS = 20_000
const WATCH_MS = 1_000

/**
 * Keeps software Apple of this directory alive while `signal` lasts: ours, or the one that somebody else runs already, in whose
 * place ours steps when that one ends. `ready` resolves when one serves for the first time.
 */
export function keepApple(directory: string, signal: AbortSignal): { ready: Promise<void>; ended: Promise<void> } {
  const ready = Promise.withResolvers<void>()
  const late = setTimeout(() => ready.reject(new Error('software Apple did not start')), READY_MS)
  signal.addEventListener('abort', () => ready.reject(signal.reason), { once: true })
  return { ready: ready.promise.finally(() => clearTimeout(late)), ended: keep(directory, signal, ready.resolve) }
}

async function keep(directory: string, signal: AbortSignal, onReady: () => void): Promise<void> {
  const backoff = createBackoff({ minMs: 300, maxMs: 10_000 })
  while (!signal.aborted) {
    let isOthers = false
    const start = () =>
      startChild({ command: process.execPath, args: [MAIN, '--dir', directory], stdout: 'ignore', stderr: 'inherit' }, (message) => {
        isOthers = (message as { state: string }).state === 'attached'
        onReady()
      })
    await runOnce({ start, graceMs: GRACE_MS, signal })
    while (isOthers && !signal.aborted && isHeld(join(directory, 'lock'))) {
      await sleep(WATCH_MS, undefined, { signal }).catch(() => {}) // aborted: the loop's condition sees it
    }
    await backoff.wait(signal).catch(() => {})
  }
}
