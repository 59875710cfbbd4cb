/** Work of one name is done one after another in this process, in the order in which it was asked for. */
export function inTurn(): <T>(name: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return (name, work) => {
    const result = (last.get(name) ?? Promise.resolve()).then(work, work)
    const settled = result.catch(() => undefined).finally(() => last.get(name) === settled && last.delete(name))
    last.set(name, settled)
    return result
  }
}
