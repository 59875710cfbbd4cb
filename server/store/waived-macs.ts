import { MacId } from '#protocol/ids'
import type { Store } from './client.ts'

export type WaivedMac = { id: MacId; name: string | null; pool: string | null; waived: string[] }

/** Macs whose newest verdict trusts them, or would, only because of a waiver. */
export async function listWaivedMacs(store: Store): Promise<WaivedMac[]> {
  const rows = await store.$queryRaw<(Omit<WaivedMac, 'id'> & { id: string })[]>`
    SELECT m.id, m.name, m.pool, v.waived FROM "Mac" m
    JOIN LATERAL (SELECT waived FROM "Verdict" WHERE "macId" = m.id ORDER BY sequence DESC LIMIT 1) v ON TRUE
    WHERE cardinality(v.waived) > 0 AND m."revokedAt" IS NULL ORDER BY lower(COALESCE(m.name, m.serial))`
  return rows.map((row) => ({ ...row, id: MacId.parse(row.id) }))
}
