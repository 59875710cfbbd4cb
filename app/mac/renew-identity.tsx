'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, failureOf, type Mac } from '../api.ts'
import { Button } from '../components/button.tsx'

/** Asks at once: the identity in use stays good until the new one is first used. */
export function RenewIdentity({ mac }: { mac: Mac }) {
  const queries = useQueryClient()
  const renew = useMutation({
    mutationFn: () => api.macs.renewIdentity.mutate({ mac: mac.id }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['mac', mac.id] }),
  })
  return (
    <span className="flex flex-col items-end gap-1">
      <Button size="sm" isBusy={renew.isPending} onClick={() => renew.mutate()}>
        Renew identity
      </Button>
      <span role="status" className="text-right text-xs text-ink-3">
        {renew.data !== undefined && 'Asked; the timeline says when it is done'}
      </span>
      {renew.error !== null && (
        <span role="alert" className="text-right text-xs text-bad">
          {failureOf(renew.error).message}
        </span>
      )}
    </span>
  )
}
