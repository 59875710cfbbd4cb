'use client'
import { useRouter, useSearchParams } from 'next/navigation'

/** Which page of the list, kept in the address. */
export function useKeysPage(): [number, (page: number) => void] {
  const router = useRouter()
  const page = Number(useSearchParams().get('page'))
  const goTo = (next: number) => router.replace(next === 1 ? '/keys' : `/keys?page=${next}`, { scroll: false })
  return [Number.isInteger(page) && page > 0 ? page : 1, goTo]
}
