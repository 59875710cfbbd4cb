'use client'
import { useQuery } from '@tanstack/react-query'
import { api, type Session } from './api.ts'

/** Who is signed in and what they may do; undefined while it loads, and then nothing is offered. */
export function useSession(): Session | undefined {
  return useQuery({ queryKey: ['session'], queryFn: () => api.session.getSession.query(), staleTime: 60_000 }).data
}

export const useMay = (permission: Session['may'][number]): boolean => useSession()?.may.includes(permission) ?? false
