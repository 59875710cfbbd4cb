'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, failureOf, type Mac } from '../api.ts'
import { Button } from '../components/button.tsx'

/** Asks at once: nothing is lost by asking. */
export function RefreshMac({ mac }: { mac: Mac }) {
  const queries = useQueryClient()
  const refresh = useMutation({
    mutationFn: () => api.macs.refreshMac.mutate({ mac: mac.id }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['mac', mac.id] }),
  })
  return (
    <span className="flex flex-col items-end gap-1">
      <Button size="sm" isBusy={refresh.isPending} onClick={() => refresh.mutate()}>
        Refresh
      </Button>
      <span role="status" className="text-right text-xs text-ink-3">
        {refresh.data !== undefined && (refresh.data.asksApple ? 'Asked, Apple included' : 'Asked; its agent’s key is not proved yet')}
      </span>
      {refresh.error !== null && (
        <span role="alert" className="text-right text-xs text-bad">
          {failureOf(refresh.error).message}
        </span>
      )}
    </span>
  )
}
