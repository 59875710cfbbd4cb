import { MacId } from '#protocol/ids'
import { ownBytes } from './bytes.ts'
import type { Db, Store } from './client.ts'

export type WantedReattestation = { enrollmentId: string; mac: MacId; cause: string; agentKey: Uint8Array; attempts: number }

/**
 * Enters a wish, one an enrollment. One about the same key that stands is only made more urgent; one that is under way stays; a wish
 * about another key takes its place. What a person asks for does not wait out earlier failures.
 */
export async function wantReattestation(
  db: Db,
  wish: { enrollmentId: string; mac: MacId; cause: string; priority: number; agentKey: Uint8Array; dueAt: Date; at: Date },
): Promise<void> {
  const { enrollmentId, mac, cause, priority, dueAt, at } = wish
  await db.$executeRaw`
    INSERT INTO "Reattestation" AS r ("enrollmentId", "macId", cause, priority, "agentKey", "dueAt", "createdAt")
    VALUES (${enrollmentId}, ${mac}, ${cause}, ${priority}, ${ownBytes(wish.agentKey)}, ${dueAt}, ${at})
    ON CONFLICT ("enrollmentId") DO UPDATE SET
      cause = excluded.cause, priority = excluded.priority, "agentKey" = excluded."agentKey", state = 'wanted', token = NULL, "expiresAt" = NULL,
      attempts = CASE WHEN r."agentKey" = excluded."agentKey" THEN r.attempts ELSE 0 END,
      "dueAt" = CASE WHEN r."agentKey" = excluded."agentKey" AND r.attempts > 0 AND excluded.cause <> 'asked' THEN r."dueAt" ELSE excluded."dueAt" END
    WHERE r."agentKey" <> excluded."agentKey" OR (r.state = 'wanted' AND (excluded.priority < r.priority OR excluded.cause = 'asked'))`
}

export type Claim = { token: string; nonce: Uint8Array; preimage: Uint8Array; issuedAt: Date }

/** One replica claims at a time; the number is any, and this purpose's alone. */
const CLAIM_LOCK = 7_361_204

/**
 * Marks as many wishes as the limit leaves room for as asked, the most urgent first, and gives them with what they are asked with.
 * Questions that nobody answered in time make room and wait their turn again; wishes about what is no more are dropped. `isFull`: the
 * limit may have left something waiting.
 */
export async function claimReattestations(
  store: Store,
  options: {
    now: Date
    limit: number
    expiresAt: Date
    /** When one that was not answered, or failed, may be asked again. */
    retryAt: (attempts: number) => Date
    claim: (wanted: WantedReattestation) => Claim
  },
): Promise<{ claimed: (WantedReattestation & Claim)[]; isFull: boolean }> {
  const { now, limit } = options
  return store.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(${CLAIM_LOCK})`
    await putBackOverdue(tx, now, options.retryAt)
    await dropStale(tx, now, limit)
    const free = limit - (await tx.reattestation.count({ where: { state: 'asked' } }))
    if (free <= 0) return { claimed: [], isFull: true }
    const rows = await tx.reattestation.findMany({
      where: { state: 'wanted', dueAt: { lte: now } },
      orderBy: [{ priority: 'asc' }, { dueAt: 'asc' }, { enrollmentId: 'asc' }],
      take: free,
    })
    const claimed = rows.map(({ enrollmentId, macId, cause, agentKey, attempts }) => {
      const wanted = { enrollmentId, mac: MacId.parse(macId), cause, agentKey, attempts }
      return { ...wanted, ...options.claim(wanted) }
    })
    for (const { enrollmentId, token } of claimed) {
      const data = { state: 'asked' as const, token, expiresAt: options.expiresAt, attempts: { increment: 1 } }
      await tx.reattestation.update({ where: { enrollmentId }, data })
    }
    await tx.attestationNonce.createMany({ data: claimed.map(toNonce) })
    return { claimed, isFull: rows.length === free }
  })
}

const toNonce = ({ mac, enrollmentId, agentKey, nonce, preimage, issuedAt }: WantedReattestation & Claim) => ({
  ...{ macId: mac, enrollmentId, issuedAt, source: 'acme_reattestation' as const },
  nonce: ownBytes(nonce),
  preimage: ownBytes(preimage),
  agentKey: ownBytes(agentKey),
})

/** An attempt that ran out of time waits as one that failed does; at most as many as may be under way. */
async function putBackOverdue(tx: Db, now: Date, retryAt: (attempts: number) => Date): Promise<void> {
  const overdue = await tx.reattestation.findMany({ where: { state: 'asked', expiresAt: { lte: now } } })
  for (const { enrollmentId, attempts } of overdue) {
    await tx.reattestation.update({
      where: { enrollmentId },
      data: { state: 'wanted', token: null, expiresAt: null, dueAt: retryAt(attempts) },
    })
  }
}

/**
 * Nothing is asked of a Mac that has left, was revoked, or has another key by now. Looks at what is under way and at what may be taken
 * next: however many wait, a round costs the same.
 */
async function dropStale(tx: Db, now: Date, limit: number): Promise<void> {
  await tx.$executeRaw`
    DELETE FROM "Reattestation" r WHERE (r.state = 'asked' OR r."enrollmentId" IN (
      SELECT "enrollmentId" FROM "Reattestation" WHERE state = 'wanted' AND "dueAt" <= ${now}
      ORDER BY priority, "dueAt", "enrollmentId" LIMIT ${limit}))
    AND NOT EXISTS (
      SELECT 1 FROM "Enrollment" e JOIN "Mac" m ON m.id = e."macId"
      JOIN "AgentKey" k ON k."enrollmentId" = e.id AND k."revokedAt" IS NULL AND k.spki = r."agentKey"
      WHERE e.id = r."enrollmentId" AND e.state = 'enrolled' AND m."revokedAt" IS NULL)`
}

/** The question with this token has been answered by Apple: the wish is fulfilled. */
export async function fulfilReattestation(db: Db, enrollmentId: string): Promise<void> {
  await db.reattestation.deleteMany({ where: { enrollmentId } })
}

/** It could not be asked, or was refused. */
export async function failReattestation(db: Db, enrollmentId: string, retryAt: (attempts: number) => Date): Promise<void> {
  const row = await db.reattestation.findUnique({ where: { enrollmentId } })
  if (row?.state !== 'asked') return
  const data = { state: 'wanted' as const, token: null, expiresAt: null, dueAt: retryAt(row.attempts) }
  await db.reattestation.updateMany({ where: { enrollmentId, state: 'asked', token: row.token }, data })
}
