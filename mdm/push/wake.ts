import type { Command, DeliveryResult, MdmDeps, WakeResult, WakeUrgency } from '../ports.ts'

type Reachable = { token: Uint8Array; pushMagic: string; topic: string }

/**
 * One push to one Mac, now. A push says nothing but "come": what the Mac then hears it hears over its own signed channel. Called by
 * whoever keeps the wishes, at the rate that he keeps.
 */
export async function deliver(
  deps: Pick<MdmDeps, 'enrollments' | 'push' | 'clock' | 'log'>,
  enrollmentId: string,
): Promise<DeliveryResult> {
  const to = await findReachable(deps, enrollmentId)
  if (to === undefined) return { status: 'no_token' }
  const result = await deps.push.send(to)
  if (result.status === 'delivered') return result
  deps.log?.warn({ enrollmentId, result }, 'a push was not delivered')
  if (result.status === 'unregistered') {
    await deps.enrollments.markUnreachable({ id: enrollmentId, token: to.token, at: deps.clock.now() })
  }
  return result
}

/** Wishes that a Mac be woken. Every push of this library begins here. */
export async function wake(deps: Pick<MdmDeps, 'enrollments' | 'wakes'>, enrollmentId: string, urgency: WakeUrgency): Promise<WakeResult> {
  if ((await findReachable(deps, enrollmentId)) === undefined) return { status: 'no_token' }
  await deps.wakes.want(enrollmentId, urgency)
  return { status: 'queued' }
}

export type WakeSoon = (enrollmentId: string, urgency?: WakeUrgency) => void

/** The same without waiting for the wish to be kept; a Mac that misses one is reminded. */
export function createWakeSoon(deps: Pick<MdmDeps, 'wakes' | 'log'>): WakeSoon {
  return (enrollmentId, urgency = 'command') => {
    deps.wakes.want(enrollmentId, urgency).catch((err: unknown) => deps.log?.error({ err, enrollmentId }, 'a wish to wake a Mac was lost'))
  }
}

/** A question with a nonce for Apple: a verdict waits for its answer. */
export function urgencyOf({ requestType, payload }: Command): WakeUrgency {
  return requestType === 'DeviceInformation' && payload.has('DeviceAttestationNonce') ? 'attestation' : 'command'
}

async function findReachable({ enrollments }: Pick<MdmDeps, 'enrollments'>, enrollmentId: string): Promise<Reachable | undefined> {
  const enrollment = await enrollments.find(enrollmentId)
  if (enrollment?.state !== 'enrolled' || enrollment.unreachableAt !== undefined) return undefined
  const { pushToken: token, pushMagic, topic } = enrollment
  return token === undefined || pushMagic === undefined || topic === undefined ? undefined : { token, pushMagic, topic }
}
