import type { RaisedAlert } from '../alerts/alerts.ts'
import type { Watcher } from '../alerts/watch.ts'
import { whereOnePerson } from '../auth/one-person.ts'
import type { Clock } from '../clock.ts'
import type { Store } from '../store/client.ts'
import { listStartsSince } from '../store/releases.ts'

const KIND = 'release-four-eyes'
const TOLD_MS = 30 * 24 * 3600_000

/** A release is listed by one person and started by another. Where both may be one, it rolls, and everybody is told. */
export const releaseWatchers = (deps: { store: Store; clock: Clock }): Watcher[] => [{ kind: KIND, look: () => watchStarts(deps) }]

async function watchStarts({ store, clock }: { store: Store; clock: Clock }): Promise<RaisedAlert[]> {
  const starts = await listStartsSince(store, new Date(clock.now().getTime() - TOLD_MS))
  const pairs = starts.map(({ createdBy, startedBy, ...rest }) => ({ ...rest, first: person(createdBy), second: person(startedBy) }))
  return (await whereOnePerson(store, pairs)).map(({ id, version }) => ({
    kind: KIND,
    subject: id,
    severity: 'warning',
    sentence: `Agent ${version} was listed and started by two persons who may be one: a link that one of them made set the other’s password in the week before.`,
    remedy: 'Ask both whether they meant it. If one did not, take the release back, and disable the account.',
  }))
}

const person = (actor: string): string => actor.replace(/^user:/, '')
