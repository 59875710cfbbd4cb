import type { MacId, RequestId } from '#protocol/ids'
import type { EngineRequest } from '#protocol/inference'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import type { FleetSnapshot } from '../scheduler/snapshot.ts'
import type { Ending, Meter } from '../usage/meter.ts'
import type { InferenceMetrics } from '../usage/metrics.ts'

export type InferenceCall = {
  id: RequestId
  /** The API key that asks: usage is counted to it, and waiting is shared fairly between keys. */
  keyId: string
  request: EngineRequest
  stream: boolean
}

export type AdmitDeps = {
  fleet: { snapshot(): FleetSnapshot }
  meter: Meter
  clock: Clock
  metrics: InferenceMetrics
}

/** A request that was let in: it is counted from here on, and ends by `settle`. */
export type Admission = {
  /** Aborts with an AppError: the caller went away, or the appliance stops. */
  signal: AbortSignal
  account: {
    begin(mac: MacId): void
    settle(ending: Ending): Promise<void>
  }
}

/** Everything admitted and not yet settled; what shutdown waits for. */
export type Admissions = {
  enter(signal: AbortSignal): { signal: AbortSignal; leave(): void }
  close(signal: AbortSignal): Promise<void>
}

export function admit(deps: AdmitDeps, admissions: Admissions, call: InferenceCall, callerSignal: AbortSignal): Admission {
  requireOfferedModel(deps, call.request.model)
  const { signal, leave } = admissions.enter(callerSignal)
  const openedAt = deps.clock.now()
  const meter = deps.meter.open({ id: call.id, apiKeyId: call.keyId, model: call.request.model, stream: call.stream })
  deps.metrics.admitted()
  return {
    signal,
    account: {
      begin(mac) {
        const at = deps.clock.now()
        meter.servedBy(mac, at)
        deps.metrics.firstContent(call.request.model, at.getTime() - openedAt.getTime())
      },
      async settle(ending) {
        leave()
        deps.metrics.settled(call.request.model, ending)
        await meter.settle(ending)
      },
    },
  }
}

/** A model that no Mac has is the caller's mistake, but only while a trusted Mac is there to say so; else nobody can tell. */
function requireOfferedModel(deps: AdmitDeps, model: string): void {
  const { macs } = deps.fleet.snapshot()
  const isSomebodyThere = macs.some((mac) => mac.trust === 'trusted' && mac.isLive)
  const isOffered = macs.some((mac) => mac.models.some(({ name }) => name === model))
  if (isSomebodyThere && !isOffered)
    throw new AppError('model_not_found', {
      param: 'model',
      public: `The model “${model}” is not offered here. GET /v1/models lists what is served.`,
    })
}

export function createAdmissions(): Admissions {
  const inside = new Set<AbortController>()
  let isClosing = false
  let onEmpty = () => {}

  return {
    enter(callerSignal) {
      if (isClosing) throw new AppError('shutting_down', { retryAfterSeconds: 5 })
      const controller = new AbortController()
      const onAbort = () => controller.abort(new AppError('client_closed'))
      callerSignal.addEventListener('abort', onAbort, { once: true })
      if (callerSignal.aborted) onAbort()
      inside.add(controller)
      return {
        signal: controller.signal,
        leave() {
          callerSignal.removeEventListener('abort', onAbort)
          inside.delete(controller)
          if (inside.size === 0) onEmpty()
        },
      }
    },
    async close(signal) {
      isClosing = true
      if (inside.size === 0) return
      const emptied = new Promise<void>((resolve) => {
        onEmpty = resolve
      })
      const stopAll = () => {
        for (const controller of inside) controller.abort(new AppError('shutting_down'))
      }
      signal.addEventListener('abort', stopAll, { once: true })
      if (signal.aborted) stopAll()
      await emptied
    },
  }
}
