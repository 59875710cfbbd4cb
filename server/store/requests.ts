import type { RequestRecord } from '../usage/record.ts'
import type { Store } from './client.ts'

/**
 * Writes the records as they are now. Safe to repeat and in any order: an unsettled row takes what is new, a settled row is never
 * touched again, so nothing is counted twice. At most one record of each id.
 */
export async function saveRequests(store: Store, records: readonly RequestRecord[]): Promise<void> {
  const rows = JSON.stringify(records.map(toRow))
  await store.$executeRaw`
    INSERT INTO "InferenceRequest" AS entry ("id", "apiKeyId", "model", "macId", "stream", "openedAt", "firstContentAt",
                                    "settledAt", "outcome", "errorCode", "promptTokens", "completionTokens")
    SELECT "id", "apiKeyId", "model", "macId", "stream", "openedAt", "firstContentAt",
           "settledAt", "outcome"::"RequestOutcome", "errorCode", "promptTokens", "completionTokens"
    FROM jsonb_to_recordset(${rows}::jsonb) AS fresh("id" text, "apiKeyId" text, "model" text, "macId" text, "stream" boolean,
           "openedAt" timestamptz, "firstContentAt" timestamptz, "settledAt" timestamptz, "outcome" text, "errorCode" text,
           "promptTokens" integer, "completionTokens" integer)
    ON CONFLICT ("id") DO UPDATE SET
      "macId" = COALESCE(EXCLUDED."macId", entry."macId"),
      "firstContentAt" = COALESCE(EXCLUDED."firstContentAt", entry."firstContentAt"),
      "settledAt" = EXCLUDED."settledAt", "outcome" = EXCLUDED."outcome", "errorCode" = EXCLUDED."errorCode",
      "promptTokens" = EXCLUDED."promptTokens", "completionTokens" = EXCLUDED."completionTokens"
    WHERE entry."settledAt" IS NULL`
}

/**
 * True for an error that says the records themselves cannot be stored, however often they are tried: SQLSTATE class 22 (data) or
 * 23 (constraint). False for whatever may pass, a database that is away above all.
 */
export function isUnstorable(error: unknown): boolean {
  for (let cause: unknown = error; typeof cause === 'object' && cause !== null; cause = (cause as { cause?: unknown }).cause) {
    const { meta, originalCode } = cause as {
      meta?: { driverAdapterError?: { cause?: { originalCode?: unknown } } }
      originalCode?: unknown
    }
    const code = originalCode ?? meta?.driverAdapterError?.cause?.originalCode
    if (typeof code === 'string' && /^2[23]/.test(code)) return true
  }
  return false
}

/** Settles as interrupted every row that an earlier process left open: opened before this one began. */
export async function interruptRequests(store: Store, interruption: { openedBefore: Date; at: Date }): Promise<number> {
  const { count } = await store.inferenceRequest.updateMany({
    where: { settledAt: null, openedAt: { lt: interruption.openedBefore } },
    data: { settledAt: interruption.at, outcome: 'interrupted' },
  })
  return count
}

function toRow({ mac, settled, ...record }: RequestRecord) {
  const { at, ...counts } = settled ?? {}
  return { ...record, macId: mac, settledAt: at, ...counts }
}
