/**
 * Those waiting for one model: first come, first served within a flow (one API key), round robin between flows, so that one key
 * with a thousand requests does not keep another key's single request waiting behind them all.
 */
export type FairLine<T> = {
  size(): number
  sizeOf(flow: string): number
  join(flow: string, waiter: T): void
  leave(flow: string, waiter: T): void
  /** How many would be served up to and including this waiter; 1 is next. */
  position(flow: string, waiter: T): number
  /** Offers turns in order. A waiter that takes its turn leaves the line; one that cannot use it keeps its place, and its flow is passed over. */
  serve(offer: (waiter: T) => boolean): void
}

export function createFairLine<T>(): FairLine<T> {
  /** In the order of their next turn: a served flow goes to the end. */
  const flows = new Map<string, T[]>()
  let size = 0

  function leave(flow: string, waiter: T): void {
    const waiting = flows.get(flow)
    const index = waiting?.indexOf(waiter) ?? -1
    if (waiting === undefined || index < 0) return
    waiting.splice(index, 1)
    size--
    if (waiting.length === 0) flows.delete(flow)
  }

  function serveHead(flow: string, offer: (waiter: T) => boolean): boolean {
    const waiting = flows.get(flow)
    const head = waiting?.[0]
    if (waiting === undefined || head === undefined || !offer(head)) return false
    leave(flow, head)
    if (flows.delete(flow)) flows.set(flow, waiting)
    return true
  }

  return {
    size: () => size,
    sizeOf: (flow) => flows.get(flow)?.length ?? 0,
    join(flow, waiter) {
      const waiting = flows.get(flow)
      size++
      if (waiting === undefined) flows.set(flow, [waiter])
      else waiting.push(waiter)
    },
    leave,
    position(flow, waiter) {
      const index = flows.get(flow)?.indexOf(waiter) ?? 0
      let position = index + 1
      let isBefore = true
      for (const [other, waiting] of flows) {
        if (other === flow) isBefore = false
        else position += Math.min(waiting.length, isBefore ? index + 1 : index)
      }
      return position
    },
    serve(offer) {
      let anyServed = true
      while (anyServed) {
        anyServed = false
        for (const flow of [...flows.keys()]) anyServed = serveHead(flow, offer) || anyServed
      }
    },
  }
}
