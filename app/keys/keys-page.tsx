'use client'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { KeyRound, Plus } from 'lucide-react'
import { useState } from 'react'
import { type ApiKey, api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card } from '../components/card.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { EmptyState, FailedState, LoadingRows } from '../components/states.tsx'
import { Pager } from '../macs/pager.tsx'
import { useSession } from '../use-session.ts'
import { CreateKey } from './create-key.tsx'
import { KeyTable } from './key-table.tsx'
import { RevokeKey } from './revoke-key.tsx'
import { useKeysPage } from './use-keys-page.ts'

const PAGE_SIZE = 25

export function KeysPage() {
  const [page, setPage] = useKeysPage()
  const [isCreating, setIsCreating] = useState(false)
  const [revoking, setRevoking] = useState<ApiKey | undefined>()
  const seesEveryone = useSession()?.may.includes('read everyone’s API keys') ?? false
  const keys = useQuery({
    queryKey: ['keys', page],
    queryFn: () => api.apiKeys.listApiKeys.query({ page, pageSize: PAGE_SIZE }),
    placeholderData: keepPreviousData,
  })
  const grantable = keys.data?.grantableScopes ?? []
  const create = grantable.length > 0 && (
    <Button variant="primary" onClick={() => setIsCreating(true)}>
      <Plus aria-hidden className="size-4" />
      Create a key
    </Button>
  )
  return (
    <>
      <PageHeader title="API keys" note={seesEveryone ? 'Everyone’s keys to this appliance’s API.' : 'Your keys to this appliance’s API.'}>
        {create}
      </PageHeader>
      <Card className="overflow-hidden">
        {keys.data !== undefined ? (
          keys.data.rows.length > 0 ? (
            <>
              <KeyTable rows={keys.data.rows} showsOwner={seesEveryone} onRevoke={setRevoking} />
              <Pager page={page} pageSize={PAGE_SIZE} total={keys.data.total} onPage={setPage} />
            </>
          ) : (
            <EmptyState icon={KeyRound} title="No keys yet" action={create || undefined}>
              {grantable.length > 0
                ? 'Create a key, set it in any OpenAI client together with this appliance’s base URL, and ask away.'
                : 'Your role may not have keys. Ask an owner or IT admin if a tool of yours needs one.'}
            </EmptyState>
          )
        ) : keys.isError ? (
          <FailedState error={keys.error} retry={() => void keys.refetch()} what="The keys could not be loaded" />
        ) : (
          <LoadingRows label="Loading the keys" />
        )}
      </Card>
      <CreateKey isOpen={isCreating} onOpenChange={setIsCreating} grantable={grantable} />
      {revoking !== undefined && <RevokeKey apiKey={revoking} onClose={() => setRevoking(undefined)} />}
    </>
  )
}
