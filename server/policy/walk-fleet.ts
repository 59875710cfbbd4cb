/** Goes through many Macs page by page, so that neither memory nor the database is taken by one task. */

const PAGE = 50

export type Walk<Item> = {
  page(after: string | undefined, limit: number): Promise<readonly Item[]>
  idOf(item: Item): string
  work(items: readonly Item[]): Promise<void>
  /** After each page. */
  progress(done: number): Promise<void>
  signal: AbortSignal
}

/** Resolves with how many there were; stops between two pages when aborted. Whatever `work` throws ends it. */
export async function walkFleet<Item>(walk: Walk<Item>): Promise<number> {
  let after: string | undefined
  let done = 0
  for (;;) {
    walk.signal.throwIfAborted()
    const items = await walk.page(after, PAGE)
    const last = items.at(-1)
    if (last === undefined) return done
    await walk.work(items)
    done += items.length
    after = walk.idOf(last)
    await walk.progress(done)
  }
}
