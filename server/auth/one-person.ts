import type { Store } from '../store/client.ts'
import { listUsedInvitations } from '../store/user-invitations.ts'

/** Whoever makes a link can open it, and then holds that account's password until its person chooses another. */
const SUSPECT_MS = 7 * 24 * 3600_000

/** Two accounts that were to be two persons when they did something together. */
type Pair = { first: string; second: string; at: Date }
type Link = { by: string; account: string }

/** Everyone whose password one person may know, links of links included; whoever made that person's own account is among them. */
export function circleOf(person: string, links: readonly Link[]): ReadonlySet<string> {
  const circle = new Set([person])
  for (let before = 0; before < circle.size; ) {
    before = circle.size
    for (const { by, account } of links) {
      if (circle.has(by)) circle.add(account)
      if (circle.has(account)) circle.add(by)
    }
  }
  return circle
}

/** Those of the pairs whose accounts may have been one person's, because a link in the week before had tied them. */
export async function whereOnePerson<P extends Pair>(store: Store, pairs: readonly P[]): Promise<P[]> {
  if (pairs.length === 0) return []
  const earliest = Math.min(...pairs.map(({ at }) => at.getTime()))
  const used = await listUsedInvitations(store, new Date(earliest - SUSPECT_MS))
  return pairs.filter(({ first, second, at }) => {
    const links = used.filter(({ usedAt }) => usedAt <= at && at.getTime() - usedAt.getTime() < SUSPECT_MS)
    return first !== second && circleOf(first, links).has(second)
  })
}
