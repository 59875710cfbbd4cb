import type { RaisedAlert } from '../alerts/alerts.ts'
import type { Watcher } from '../alerts/watch.ts'
import { whereOnePerson } from '../auth/one-person.ts'
import type { Clock } from '../clock.ts'
import type { Store } from '../store/client.ts'
import { listApprovedSince } from '../store/policies.ts'
import { idOf } from './proposal.ts'

const KIND = 'policy-four-eyes'
const TOLD_MS = 30 * 24 * 3600_000

/** Four eyes look at accounts. Where both may be one person's, the approval stands, and everybody is told. */
export const policyWatchers = (deps: { store: Store; clock: Clock }): Watcher[] => [{ kind: KIND, look: () => watchApprovals(deps) }]

async function watchApprovals({ store, clock }: { store: Store; clock: Clock }): Promise<RaisedAlert[]> {
  const approved = await listApprovedSince(store, new Date(clock.now().getTime() - TOLD_MS))
  const pairs = approved.flatMap(({ version, lowersTrust, proposedBy, decidedBy, decidedAt: at }) =>
    lowersTrust && at !== null ? [{ version, first: idOf(proposedBy), second: idOf(decidedBy), at }] : [],
  )
  return (await whereOnePerson(store, pairs)).map(({ version }) => ({
    kind: KIND,
    subject: `policy:${version}`,
    severity: 'warning',
    sentence: `Version ${version} of the policy lowers trust, and its two persons may be one: a link that one of them made set the other’s password in the week before.`,
    remedy: 'Ask both whether they meant it. If one did not, propose the policy of before, and disable the account.',
  }))
}
