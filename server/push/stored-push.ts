import type { Push, PushResult } from '../../mdm/ports.ts'
import { type ApnsCredentials, createApnsSender } from '../../mdm/push/apns.ts'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import type { SecretBox } from '../secrets.ts'
import type { Store } from '../store/client.ts'
import { findInstalledPushCertificate, type InstalledPushCertificate } from './installed-certificate.ts'

/** How production pushes: with the certificate that is installed at that moment, whoever installed it and whenever. */
export type StoredPush = {
  current(): Promise<InstalledPushCertificate | undefined>
  /** Throws a `conflict` that says what is missing. */
  requireReady(): Promise<void>
  sender: Push & { close(): void }
}

/** A renewal is in use after this long at the latest. A certificate that is not there yet is looked for each time. */
const MAX_AGE_MS = 3_000

/** The address is where a test stands in for Apple; nothing configures it. */
export function createStoredPush(
  deps: { store: Store; secrets: SecretBox; clock: Clock },
  connect: Pick<ApnsCredentials, 'url' | 'ca'> & { concurrency?: number } = {},
): StoredPush {
  const current = remembering(() => findInstalledPushCertificate(deps), deps.clock)
  const { concurrency, ...where } = connect
  const apns = createApnsSender(
    async () => {
      const installed = await current()
      if (installed === undefined) throw new Error(NOT_INSTALLED)
      return { ...where, certificate: installed.certificatePem, key: installed.keyPem }
    },
    { ...(concurrency !== undefined && { concurrency }) },
  )
  const send = async (message: Parameters<Push['send']>[0]): Promise<PushResult> => {
    const obstacle = obstacleOf(await current(), deps.clock.now())
    return obstacle === undefined ? apns.send(message) : { status: 'refused', httpStatus: 0, reason: obstacle, scope: 'all' }
  }
  const requireReady = async (): Promise<void> => {
    const obstacle = obstacleOf(await current(), deps.clock.now())
    if (obstacle === undefined) return
    throw new AppError('conflict', {
      public: `No Mac can be invited: ${obstacle}. An administrator imports one on the appliance with “espalier push import FILE”.`,
    })
  }
  return { current, requireReady, sender: { send, close: () => apns.close() } }
}

const NOT_INSTALLED = 'no Apple push certificate is installed'

function obstacleOf(installed: InstalledPushCertificate | undefined, now: Date): string | undefined {
  if (installed === undefined) return NOT_INSTALLED
  return now < installed.notAfter ? undefined : `Apple’s push certificate expired on ${installed.notAfter.toISOString().slice(0, 10)}`
}

/** However many ask at once, one reading is under way. */
function remembering<T>(read: () => Promise<T | undefined>, clock: Clock): () => Promise<T | undefined> {
  let copy: { value: T; readAt: number } | undefined
  let underWay: Promise<T | undefined> | undefined
  const readAgain = async (): Promise<T | undefined> => {
    const readAt = clock.now().getTime()
    const value = await read()
    copy = value === undefined ? undefined : { value, readAt }
    return value
  }
  return async () => {
    if (copy !== undefined && Math.abs(clock.now().getTime() - copy.readAt) < MAX_AGE_MS) return copy.value
    underWay ??= readAgain().finally(() => {
      underWay = undefined
    })
    return underWay
  }
}
