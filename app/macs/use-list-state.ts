'use client'
import { usePathname, useRouter, useSearchParams } from 'next/navigation'
import { z } from 'zod'

/** What the list shows is in the address, so that it can be shared, bookmarked and gone back to. */
const ListState = z.object({
  search: z.string().max(100).catch('').default(''),
  trust: z.enum(['trusted', 'refused', 'pending', 'revoked']).optional().catch(undefined),
  connection: z.enum(['connected', 'offline']).optional().catch(undefined),
  sort: z.enum(['name', 'trust', 'lastSeenAt', 'evidenceAt', 'addedAt']).catch('name').default('name'),
  direction: z.enum(['asc', 'desc']).catch('asc').default('asc'),
  page: z.coerce.number().int().min(1).catch(1).default(1),
})
export type ListState = z.infer<typeof ListState>

const DEFAULTS: Record<string, string> = { search: '', sort: 'name', direction: 'asc', page: '1' }

export function useListState(): [ListState, (change: Partial<ListState>) => void] {
  const params = useSearchParams()
  const router = useRouter()
  const path = usePathname()
  const state = ListState.parse(Object.fromEntries(params))

  /** Any change but that of the page itself goes back to the first page. */
  function update(change: Partial<ListState>): void {
    const next = new URLSearchParams()
    for (const [name, value] of Object.entries({ ...state, page: 1, ...change })) {
      if (value !== undefined && String(value) !== DEFAULTS[name]) next.set(name, String(value))
    }
    router.replace(next.size === 0 ? path : `${path}?${next}`, { scroll: false })
  }
  return [state, update]
}
