import { Gauge, type Registry } from 'prom-client'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { StoredPush } from './stored-push.ts'

const DAY_MS = 24 * 3600_000
/** Apple's push certificates live a year; a renewal is one person's errand at identity.apple.com. */
const WARN_DAYS = 30

/** Says at the start how the push certificate stands, and tells Prometheus when it expires. */
export async function watchPushExpiry(deps: {
  push: Pick<StoredPush, 'current'>
  metrics: Registry
  clock: Clock
  log: Log
}): Promise<void> {
  const { push, metrics, clock, log } = deps
  new Gauge({
    name: 'espalier_push_certificate_expires_timestamp_seconds',
    help: 'When Apple’s push certificate expires, in Unix time; 0 while none is installed',
    registers: [metrics],
    async collect() {
      // A database that is away says nothing about the certificate: the last answer stands.
      await push.current().then(
        (installed) => this.set(installed === undefined ? 0 : installed.notAfter.getTime() / 1000),
        () => undefined,
      )
    },
  })
  const installed = await push.current()
  if (installed === undefined) return log.warn('no Apple push certificate is installed: no Mac can be invited, see “espalier push import”')
  const { topic, notAfter } = installed
  const days = Math.floor((notAfter.getTime() - clock.now().getTime()) / DAY_MS)
  if (days < 0) log.error({ topic, expiredAt: notAfter }, 'Apple’s push certificate has expired: no Mac can be woken or invited')
  else if (days < WARN_DAYS)
    log.warn({ topic, expiresAt: notAfter, days }, 'Apple’s push certificate expires soon: renew it with the same Apple account')
}
