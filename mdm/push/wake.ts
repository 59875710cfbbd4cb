import type { MdmDeps, WakeResult } from '../ports.ts'

/** Pushes to one Mac. A push says nothing but "come": what the Mac then hears it hears over its own signed channel. */
export async function wake(deps: MdmDeps, enrollmentId: string): Promise<WakeResult> {
  const enrollment = await deps.enrollments.find(enrollmentId)
  if (enrollment?.state !== 'enrolled') return { status: 'no_token' }
  const { pushToken, pushMagic, topic } = enrollment
  if (pushToken === undefined || pushMagic === undefined || topic === undefined) return { status: 'no_token' }
  const result = await deps.push.send({ token: pushToken, pushMagic, topic })
  if (result.status !== 'delivered') deps.log?.warn({ enrollmentId, result }, 'a push was not delivered')
  return result
}

/** Wakes without waiting; while one push to a Mac is under way, any number of further wishes become one more. */
export function createWakeSoon(deps: MdmDeps): (enrollmentId: string) => void {
  const underWay = new Map<string, { again: boolean }>()
  const run = async (enrollmentId: string): Promise<void> => {
    const state = { again: true }
    underWay.set(enrollmentId, state)
    try {
      while (state.again) {
        state.again = false
        await wake(deps, enrollmentId)
      }
    } finally {
      underWay.delete(enrollmentId)
    }
  }
  return (enrollmentId) => {
    const state = underWay.get(enrollmentId)
    if (state !== undefined) state.again = true
    else void run(enrollmentId).catch((error: unknown) => deps.log?.error({ err: error, enrollmentId }, 'a push failed on our side'))
  }
}
