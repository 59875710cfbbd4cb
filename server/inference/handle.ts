import type { MacId, RequestId } from '#protocol/ids'
import type { EngineEvent } from '#protocol/inference'
import type { Clock } from '../clock.ts'
import type { Queue } from '../scheduler/queue.ts'
import type { Meter } from '../usage/meter.ts'
import type { InferenceMetrics } from '../usage/metrics.ts'
import { type Admission, admit, createAdmissions, type InferenceCall } from './admit.ts'
import { callerError, deliver, endingOf } from './delivery.ts'
import { dispatch } from './dispatch.ts'
import { MacFailure } from './mac-failure.ts'
import type { Fleet } from './ports.ts'

export type InferenceDeps = {
  fleet: Fleet
  queue: Queue
  meter: Meter
  clock: Clock
  metrics: InferenceMetrics
}

/** An answer that has begun. */
export type Answer = {
  requestId: RequestId
  mac: MacId
  evidenceDigest: string
  /** From the first content on. Whoever gets it takes it to its end or calls `return`. Throws AppErrors only. */
  events: AsyncIterableIterator<EngineEvent>
}

export type Inference = {
  /** Resolves once a Mac has begun to answer; throws an AppError when none does. When `signal` aborts, the Mac is stopped at once. */
  handle(call: InferenceCall, signal: AbortSignal): Promise<Answer>
  /** Admits nothing more, and waits for what runs; what still runs when `signal` aborts is stopped. */
  close(signal: AbortSignal): Promise<void>
}

export function createInference(deps: InferenceDeps): Inference {
  const admissions = createAdmissions()
  return {
    handle: async (call, signal) => answer(deps, call, admit(deps, admissions, call, signal)),
    close: (signal) => admissions.close(signal),
  }
}

/** An employee's request, from its admission to the first words of the answer; `delivery.ts` and the meter see it to its end. */
async function answer(deps: InferenceDeps, call: InferenceCall, admission: Admission): Promise<Answer> {
  const { signal, account } = admission
  try {
    const running = await dispatch(
      { ...deps, onRetry: (failure) => deps.metrics.retried(failure.code) },
      { id: call.id, engine: call.request, flow: call.keyId, signal },
    )
    account.begin(running.mac)
    const events = deliver(running, account.settle, signal)
    return { requestId: call.id, mac: running.mac, evidenceDigest: running.evidenceDigest, events }
  } catch (error) {
    const told = callerError(error)
    await account.settle(endingOf(told, error instanceof MacFailure ? error.usage : undefined))
    throw told
  }
}
