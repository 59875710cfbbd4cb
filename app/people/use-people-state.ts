'use client'
import { useRouter, useSearchParams } from 'next/navigation'

export type PeopleState = { search: string; state: 'active' | 'disabled' | 'all'; page: number }

/** What the list shows, kept in the address. */
export function usePeopleState(): [PeopleState, (change: Partial<PeopleState>) => void] {
  const router = useRouter()
  const params = useSearchParams()
  const page = Number(params.get('page'))
  const shown = params.get('show')
  const state: PeopleState = {
    search: params.get('search')?.slice(0, 100) ?? '',
    state: shown === 'active' || shown === 'disabled' ? shown : 'all',
    page: Number.isInteger(page) && page > 0 ? page : 1,
  }

  function update(change: Partial<PeopleState>): void {
    const wanted = { ...state, page: 1, ...change }
    const next = new URLSearchParams()
    if (wanted.search !== '') next.set('search', wanted.search)
    if (wanted.state !== 'all') next.set('show', wanted.state)
    if (wanted.page > 1) next.set('page', String(wanted.page))
    router.replace(next.size === 0 ? '/people' : `/people?${next}`, { scroll: false })
  }
  return [state, update]
}
