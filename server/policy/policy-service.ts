import type { Appraiser } from '../fleet/appraise.ts'
import type { Log } from '../log.ts'
import type { ChangeDeps } from './change-policy.ts'
import { createPolicyDesk } from './desk.ts'
import type { Policies } from './policies.ts'
import { createPreviews } from './preview.ts'
import { createRejudge } from './rejudge.ts'
import { settlePolicies } from './settle-policies.ts'
import type { PolicyDesk } from './views.ts'

export type PolicyService = {
  desk: PolicyDesk
  /** What time alone decides: one round a minute, in one replica. */
  settle(): Promise<void>
  /** The fleet is judged by the policy in force: after a start what is left of it, and again after every change. */
  begin(): void
  close(): Promise<void>
}

/** Joins the policy in memory, the fleet that is judged by it, and the people who change it. */
export function createPolicyService(
  deps: ChangeDeps & { log: Log; policies: Policies; appraiser: Pick<Appraiser, 'appraise' | 'judgeUnder'> },
): PolicyService {
  const { policies, appraiser } = deps
  const previews = createPreviews({ ...deps, judge: appraiser.judgeUnder })
  const rejudge = createRejudge({ ...deps, appraise: appraiser.appraise })
  policies.onChange(({ version }) => rejudge.start(version))
  return {
    desk: createPolicyDesk({ ...deps, previews, rejudge }),
    async settle() {
      await settlePolicies(deps).finally(() => policies.reload())
    },
    begin: () => rejudge.start(policies.current().version),
    async close() {
      await Promise.all([previews.close(), rejudge.close()])
    },
  }
}
