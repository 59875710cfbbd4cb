import type { Store } from './client.ts'

export type UsageSummary = {
  total: number
  completed: number
  failed: number
  cancelled: number
  promptTokens: number
  completionTokens: number
  medianFirstContentMs: number | null
}

/** Requests opened since a moment, by outcome. Requests still running count in the total only. */
export async function summariseUsage(store: Store, since: Date): Promise<UsageSummary> {
  const [row] = await store.$queryRaw<UsageSummary[]>`
    SELECT count(*)::int AS total,
      count(*) FILTER (WHERE outcome = 'completed')::int AS completed,
      count(*) FILTER (WHERE outcome IN ('failed', 'interrupted'))::int AS failed,
      count(*) FILTER (WHERE outcome = 'cancelled')::int AS cancelled,
      COALESCE(sum("promptTokens"), 0)::int AS "promptTokens",
      COALESCE(sum("completionTokens"), 0)::int AS "completionTokens",
      (percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM "firstContentAt" - "openedAt") * 1000)
        FILTER (WHERE "firstContentAt" IS NOT NULL))::float8 AS "medianFirstContentMs"
    FROM "InferenceRequest" WHERE "openedAt" >= ${since}`
  if (row === undefined) throw new TypeError('an aggregate always has a row')
  return row
}

export type UsageMinute = { at: Date; completed: number; failed: number }

/** Settled requests by the minute they were opened in; minutes without one are absent. */
export async function usageByMinute(store: Store, since: Date): Promise<UsageMinute[]> {
  return store.$queryRaw<UsageMinute[]>`
    SELECT date_trunc('minute', "openedAt") AS at,
      count(*) FILTER (WHERE outcome = 'completed')::int AS completed,
      count(*) FILTER (WHERE outcome IN ('failed', 'interrupted'))::int AS failed
    FROM "InferenceRequest" WHERE "openedAt" >= ${since} AND "settledAt" IS NOT NULL GROUP BY 1 ORDER BY 1`
}
