'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type ApiKey, api } from '../api.ts'
import { Confirm } from '../components/dialog.tsx'
import { Ago } from '../components/time.tsx'

export function RevokeKey({ apiKey, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  const queries = useQueryClient()
  const revoke = useMutation({
    mutationFn: () => api.apiKeys.revokeApiKey.mutate({ id: apiKey.id }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['keys'] })
      onClose()
    },
  })
  return (
    <Confirm
      isOpen
      onOpenChange={(isOpen) => !isOpen && onClose()}
      title={`Revoke “${apiKey.name}”?`}
      action="Revoke the key"
      isBusy={revoke.isPending}
      error={revoke.error}
      onConfirm={() => revoke.mutate()}
    >
      <p>
        Every tool that uses the key {apiKey.prefix}… is refused from its next request on, and it cannot be brought back.{' '}
        {apiKey.lastUsedAt === null ? (
          'It has never been used.'
        ) : (
          <>
            It was last used <Ago at={apiKey.lastUsedAt} />.
          </>
        )}
      </p>
      <p>No Mac is affected. An answer that is streaming right now is finished.</p>
    </Confirm>
  )
}
