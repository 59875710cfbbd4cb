import { systemClock } from '../../server/clock.ts'
import { createLog } from '../../server/log.ts'
import { createPolicies } from '../../server/policy/policies.ts'
import { createPolicyService } from '../../server/policy/policy-service.ts'
import type { PolicyDesk } from '../../server/policy/views.ts'
import type { Store } from '../../server/store/client.ts'

/** The real policy on a test's database, with a fleet in which no Mac is enrolled. */
export async function policyDeskOn(store: Store): Promise<{ desk: PolicyDesk; close(): Promise<void> }> {
  const log = createLog('error')
  const policies = await createPolicies({ store, clock: systemClock, mode: 'evaluation', agentVersion: '0.1.0', log })
  const appraiser = { appraise: async () => undefined, judgeUnder: async () => new Map() }
  const service = createPolicyService({ store, clock: systemClock, mode: 'evaluation', log, policies, appraiser })
  return {
    desk: service.desk,
    close: async () => {
      policies.close()
      await service.close()
    },
  }
}
