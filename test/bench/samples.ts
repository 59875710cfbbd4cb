/** What the load generator measured of one round, in milliseconds. Failures count, and are no samples. */
export type Samples = {
  /** From sending the request to its first text. */
  firstTextMs: number[]
  /** From each text to the next. */
  betweenMs: number[]
  completed: number
  failures: string[]
  elapsedMs: number
}

export const emptySamples = (): Samples => ({ firstTextMs: [], betweenMs: [], completed: 0, failures: [], elapsedMs: 0 })

export function addSamples(sum: Samples, round: Samples): void {
  for (const value of round.firstTextMs) sum.firstTextMs.push(value)
  for (const value of round.betweenMs) sum.betweenMs.push(value)
  sum.completed += round.completed
  sum.failures.push(...round.failures)
  sum.elapsedMs += round.elapsedMs
}

/** The smallest value that at least `share` of all are not above (nearest rank); NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}
