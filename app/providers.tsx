'use client'
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { Tooltip } from 'radix-ui'
import { type ReactNode, useState } from 'react'
import { failureOf } from './api.ts'

/** Codes that asking again does not change. */
const FINAL = new Set(['not_signed_in', 'forbidden', 'step_up_required', 'second_factor_required', 'not_found', 'invalid_request'])
const MAX_RETRIES = 2

function onError(error: unknown): void {
  const { code } = failureOf(error)
  // There it can be set up, and nothing else is to be had before.
  if (code === 'second_factor_required' && window.location.pathname !== '/account') window.location.assign('/account')
  if (code !== 'not_signed_in') return
  const here = window.location.pathname + window.location.search
  window.location.assign(`/signin?next=${encodeURIComponent(here)}`)
}

function createQueryClient(): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        retry: (count, error) => count < MAX_RETRIES && !FINAL.has(failureOf(error).code),
      },
    },
  })
}

export function Providers({ children }: { children: ReactNode }) {
  const [client] = useState(createQueryClient)
  return (
    <QueryClientProvider client={client}>
      <Tooltip.Provider delayDuration={300}>{children}</Tooltip.Provider>
    </QueryClientProvider>
  )
}
