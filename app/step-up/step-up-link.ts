import { TRPCClientError, type TRPCLink } from '@trpc/client'
import { type Observer, observable } from '@trpc/server/observable'
import type { AppRouter } from '../../server/trpc/root.ts'
import { proveIt } from './step-up-prompt.ts'

/**
 * Every dangerous action of the console, in one place: where the server answers `step_up_required` the person is asked for the
 * password, and the same call is made once more. Whoever declines sees the refusal.
 */
export const stepUpLink: TRPCLink<AppRouter> =
  () =>
  ({ op, next }) =>
    observable((observer) => {
      let isClosed = false
      let running = next(op).subscribe({ ...handOn(observer), error: (error) => void onRefusal(error) })

      async function onRefusal(error: TRPCClientError<AppRouter>): Promise<void> {
        const isProved = needsProof(error) && (await proveIt())
        if (isClosed) return
        if (!isProved) return observer.error(error)
        running = next(op).subscribe(observer)
      }

      return () => {
        isClosed = true
        running.unsubscribe()
      }
    })

const needsProof = (error: unknown): boolean => error instanceof TRPCClientError && error.data?.code === 'step_up_required'

const handOn = <Value, Fault>(observer: Observer<Value, Fault>) => ({
  next: (value: Value) => observer.next(value),
  complete: () => observer.complete(),
})
