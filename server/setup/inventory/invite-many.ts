import type { Actor } from '../../audit/events.ts'
import type { Store } from '../../store/client.ts'
import { findEnrolledSerials, findKnownMacs } from '../../store/inventory.ts'
import { writeCsv } from './csv.ts'

/** Each link is a row and an audit entry of its own; the console asks again for the next ones. */
export const MAX_LINKS_AT_ONCE = 200

export type ManyLinks = {
  /** serial, link, expires: shown this once. */
  csv: string
  links: number
  skipped: { serial: string; why: 'unknown' | 'revoked' | 'enrolled' }[]
}

type Invite = (invitation: { serial: string; by: Actor }) => Promise<{ url: string; expiresAt: Date }>

/** Enrollment links for Macs of the inventory. Nobody is entered into it by this, and no enrolled Mac is disturbed. */
export async function inviteMany(
  deps: { store: Store; invite: Invite },
  wish: { serials: readonly string[]; hasHead: boolean; by: Actor },
): Promise<ManyLinks> {
  const serials = [...new Set(wish.serials)]
  const [known, enrolled] = await Promise.all([findKnownMacs(deps.store, serials), findEnrolledSerials(deps.store, serials)])
  const skipped: ManyLinks['skipped'] = []
  const rows: string[][] = wish.hasHead ? [['serial', 'link', 'expires']] : []
  let links = 0
  for (const serial of serials) {
    const mac = known.get(serial)
    const why = mac === undefined ? 'unknown' : mac.isRevoked ? 'revoked' : enrolled.has(serial) ? 'enrolled' : undefined
    if (why !== undefined) skipped.push({ serial, why })
    else {
      const { url, expiresAt } = await deps.invite({ serial, by: wish.by })
      rows.push([serial, url, expiresAt.toISOString()])
      links++
    }
  }
  return { csv: writeCsv(rows), links, skipped }
}
