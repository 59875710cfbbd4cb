'use client'
import { useRouter, useSearchParams } from 'next/navigation'

export type KeysState = { onlyActive: boolean; page: number }

/** What the list shows, kept in the address. */
export function useKeysState(): [KeysState, (change: Partial<KeysState>) => void] {
  const router = useRouter()
  const params = useSearchParams()
  const page = Number(params.get('page'))
  const state = { onlyActive: params.get('show') !== 'all', page: Number.isInteger(page) && page > 0 ? page : 1 }

  function update(change: Partial<KeysState>): void {
    const { onlyActive, page: wanted } = { ...state, page: 1, ...change }
    const next = new URLSearchParams()
    if (!onlyActive) next.set('show', 'all')
    if (wanted > 1) next.set('page', String(wanted))
    router.replace(next.size === 0 ? '/keys' : `/keys?${next}`, { scroll: false })
  }
  return [state, update]
}
