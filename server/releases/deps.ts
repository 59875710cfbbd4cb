import type { Mdm } from '../../mdm/ports.ts'
import type { Alerts } from '../alerts/alerts.ts'
import type { Policy } from '../attestation/policy.ts'
import type { Clock } from '../clock.ts'
import type { SessionReader } from '../fleet/ports.ts'
import type { Store } from '../store/client.ts'

export type ReleasesDeps = {
  store: Store
  clock: Clock
  policy: () => Policy
  sessions: Pick<SessionReader, 'list'>
  /** Asked for when it is used: MDM is made after this. */
  mdm: () => Pick<Mdm, 'enqueue'>
  alerts: Pick<Alerts, 'raise' | 'clear'>
}
