/** What a simulated fleet does: how often each thing happened, how many are under way now, and how many were at most. */
export type Tally = {
  count(name: string): void
  /** Begins something; called once, what is returned ends it. */
  begin(name: string): () => void
  counted(name: string): number
  peak(name: string): number
  /** From now on: peaks begin at what is under way. */
  forgetPeaks(): void
}

export function createTally(): Tally {
  const counts = new Map<string, number>()
  const underWay = new Map<string, number>()
  const peaks = new Map<string, number>()
  const add = (name: string, change: number): void => {
    const now = (underWay.get(name) ?? 0) + change
    underWay.set(name, now)
    peaks.set(name, Math.max(peaks.get(name) ?? 0, now))
  }
  const count = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1)
  return {
    count,
    begin(name) {
      count(name)
      add(name, 1)
      let isOver = false
      return () => {
        if (!isOver) add(name, -1)
        isOver = true
      }
    },
    counted: (name) => counts.get(name) ?? 0,
    peak: (name) => peaks.get(name) ?? 0,
    forgetPeaks: () => {
      for (const [name, now] of underWay) peaks.set(name, now)
    },
  }
}
