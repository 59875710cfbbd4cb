import { systemClock } from '../../server/clock.ts'
import { createPushDesk, type PushDesk } from '../../server/push/push-desk.ts'
import { createSecretBox } from '../../server/secrets.ts'
import type { Store } from '../../server/store/client.ts'

/** The set-up of the push certificate as production has it, for the tests that need one without a push service. */
export function pushDeskIn(store: Store): PushDesk {
  const secrets = createSecretBox('a secret of this test alone, long enough')
  const mdmcertUrl = 'http://127.0.0.1:1/'
  return createPushDesk({
    store,
    secrets,
    clock: systemClock,
    mdmcertUrl,
    weather: () => ({ state: 'unknown' }),
    evaluationCertificatePem: undefined,
  })
}
