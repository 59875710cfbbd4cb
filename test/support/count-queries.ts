import type { Store } from '../../server/store/client.ts'

/** The same store, counting what is asked of it: how much work grows with the fleet is a number, not a time. */
export function countQueries(store: Store): { store: Store; asked(): number } {
  let asked = 0
  const counting = store.$extends({
    query: {
      $allOperations: ({ args, query }) => {
        asked++
        return query(args)
      },
    },
  })
  return { store: counting as unknown as Store, asked: () => asked }
}
