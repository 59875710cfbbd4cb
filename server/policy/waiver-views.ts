import type { Policy } from '../attestation/policy.ts'
import { isInScope } from '../attestation/policy.ts'
import { nameWaiver } from '../attestation/policy-change.ts'
import type { Store } from '../store/client.ts'
import { listGrantingVersions } from '../store/policies.ts'
import { findPeople } from '../store/policy-fleet.ts'
import { listWaivedMacs } from '../store/waived-macs.ts'
import { idOf } from './proposal.ts'
import type { WaiverView } from './views.ts'

/** Named one by one up to here. */
const MAX_MACS = 50

/** Every waiver of the policy with who brought it, and the Macs that would be refused without it. */
export async function viewWaivers(store: Store, policy: Policy, now: Date): Promise<WaiverView[]> {
  const [versions, waived] = await Promise.all([
    listGrantingVersions(
      store,
      policy.waivers.map(({ id }) => id),
    ),
    listWaivedMacs(store),
  ])
  const people = await findPeople(store, [...new Set(versions.flatMap((row) => [idOf(row.proposedBy), idOf(row.decidedBy)]))])
  const someone = (actor: string | null | undefined) => {
    if (actor === null || actor === undefined) return null
    return { id: idOf(actor), name: people.find(({ id }) => id === idOf(actor))?.name ?? 'Someone whose account is gone' }
  }
  return policy.waivers.map((waiver) => {
    const row = versions.find(({ grants }) => grants.includes(waiver.id))
    const macs = waived.filter((mac) => mac.waived.includes(waiver.code) && isInScope(waiver.scope, mac))
    return {
      ...waiver,
      sentence: `${nameWaiver(waiver)}.`,
      state: Date.parse(waiver.until) > now.getTime() ? ('in force' as const) : ('ended' as const),
      version: row?.version ?? null,
      proposedBy: someone(row?.proposedBy),
      approvedBy: someone(row?.decidedBy),
      macs: macs.slice(0, MAX_MACS).map(({ id, name }) => ({ id, name })),
      macCount: macs.length,
    }
  })
}
