import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from './log.ts'

export type StopStep = {
  /** What the log says, as in “requests finish”. */
  name: string
  /** After this the step is left behind, so that one that hangs keeps nobody else from stopping in order. */
  deadlineMs: number
  stop(): Promise<void> | void
}

/**
 * The orderly end: what was started last stops first, one step after the other. Returns the names of the steps that failed or
 * ran past their deadline.
 */
export async function stopInOrder(steps: StopStep[], log: Log): Promise<string[]> {
  const unfinished: string[] = []
  for (const step of steps) {
    const startedAt = performance.now()
    const outcome = await runStep(step)
    const tookMs = Math.round(performance.now() - startedAt)
    if (outcome === 'done') log.info({ step: step.name, tookMs }, 'stopped')
    else {
      unfinished.push(step.name)
      log.error(
        { step: step.name, tookMs, ...(outcome === 'late' ? {} : { err: outcome.error }) },
        outcome === 'late' ? 'did not stop in time' : 'failed to stop',
      )
    }
  }
  return unfinished
}

async function runStep(step: StopStep): Promise<'done' | 'late' | { error: unknown }> {
  const inTime = new AbortController()
  const late = sleep(step.deadlineMs, 'late' as const, { signal: inTime.signal }).catch(() => 'late' as const)
  const work = (async () => step.stop())().then(
    () => 'done' as const,
    (error: unknown) => ({ error }),
  )
  const outcome = await Promise.race([work, late])
  inTime.abort()
  return outcome
}

/**
 * Aborts at the first SIGINT or SIGTERM, or when the set-up that started us was killed. A second signal ends the process at once: whoever presses Ctrl-C twice means it. The
 * terminal sends a signal to npm, to set-up and to us, and they pass it on: the echo of one key press is not a second one.
 */
export function signalToStop(forceExit: () => void = () => process.exit(130)): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController()
  let firstAt = 0
  const onSignal = (): void => {
    if (!controller.signal.aborted) {
      firstAt = performance.now()
      controller.abort()
    } else if (performance.now() - firstAt > ECHO_MS) forceExit()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  const onParentGone = (): void => controller.abort()
  process.on('disconnect', onParentGone)
  const dispose = (): void => {
    process.off('disconnect', onParentGone)
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
  return { signal: controller.signal, dispose }
}

const ECHO_MS = 700
