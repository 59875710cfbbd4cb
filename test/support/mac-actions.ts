import { randomBytes } from 'node:crypto'
import { systemClock } from '../../server/clock.ts'
import type { MacActions } from '../../server/fleet/mac-action-views.ts'
import { createMacActions } from '../../server/fleet/mac-actions.ts'
import { createSecretBox } from '../../server/secrets.ts'
import type { Store } from '../../server/store/client.ts'

/** The real actions where there is no MDM: what they refuse they refuse, and nothing is ever sent. */
export function macActionsWithoutMdm(store: Store): MacActions {
  const nothing = () => Promise.reject(new Error('there is no MDM here'))
  const secrets = createSecretBox('a secret of this test alone, long enough')
  return createMacActions({ store, clock: systemClock, random: randomBytes, secrets, mdm: { enqueue: nothing }, askAnew: nothing })
}
