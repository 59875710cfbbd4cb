import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Backoff } from './backoff.ts'

export type ChildSpec = {
  command: string
  args: string[]
  env?: NodeJS.ProcessEnv
  /** Where its output goes: file descriptors of files, or this process's own streams. */
  stdout: number | 'inherit' | 'ignore'
  stderr: number | 'inherit' | 'ignore'
}

export type Ended = { code: number | null; signal: NodeJS.Signals | null }

/** A child that has a channel to us, so that it can tell when we are gone. */
export function startChild(spec: ChildSpec, onMessage: (message: unknown) => void = () => {}): ChildProcess {
  const child = spawn(spec.command, spec.args, {
    ...(spec.env === undefined ? {} : { env: spec.env }),
    stdio: ['ignore', spec.stdout, spec.stderr, 'ipc'],
  })
  child.on('message', onMessage)
  child.on('error', () => {}) // reported by `ended`
  return child
}

export function ended(child: ChildProcess): Promise<Ended> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve({ code: child.exitCode, signal: child.signalCode })
  return new Promise((resolve) => {
    child.once('error', () => resolve({ code: 1, signal: null }))
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
}

/** Asks first, insists after `graceMs`. */
export async function stopChild(child: ChildProcess, graceMs: number): Promise<void> {
  const end = ended(child)
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const patience = new AbortController()
  const insist = sleep(graceMs, undefined, { signal: patience.signal }).then(
    () => child.kill('SIGKILL'),
    () => false,
  )
  await end
  patience.abort()
  await insist
}

/** Runs one child until it ends, or `signal` aborts and it is ended. Returns only when it is gone. */
export async function runOnce(options: { start: () => ChildProcess; graceMs: number; signal: AbortSignal }): Promise<Ended> {
  const child = options.start()
  const stop = () => void stopChild(child, options.graceMs)
  options.signal.addEventListener('abort', stop, { once: true })
  if (options.signal.aborted) stop()
  const end = await ended(child)
  options.signal.removeEventListener('abort', stop)
  return end
}

/** Longer than this and a child's end is a fresh mishap, not the same one again. */
const HEALTHY_AFTER_MS = 60_000

/** Starts the child again whenever `onEnd` says so, until `signal` aborts. */
export async function keepRunning(options: {
  start: () => ChildProcess
  onEnd: (ended: Ended) => 'again' | 'stop'
  backoff: Backoff
  graceMs: number
  signal: AbortSignal
}): Promise<void> {
  const { backoff, graceMs, signal } = options
  while (!signal.aborted) {
    const startedAt = performance.now()
    const end = await runOnce({ start: options.start, graceMs, signal })
    if (signal.aborted || options.onEnd(end) === 'stop') return
    if (performance.now() - startedAt > HEALTHY_AFTER_MS) backoff.reset()
    await backoff.wait(signal).catch(() => {}) // aborted: the loop's condition sees it
  }
}
