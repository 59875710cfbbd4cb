'use client'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { KeyRound, Plus } from 'lucide-react'
import { useState } from 'react'
import { type ApiKey, api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card } from '../components/card.tsx'
import { Choice } from '../components/choice.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { EmptyState, FailedState, LoadingRows } from '../components/states.tsx'
import { Pager } from '../macs/pager.tsx'
import { useSession } from '../use-session.ts'
import { CreateKey } from './create-key.tsx'
import { KeyTable } from './key-table.tsx'
import { RevokeKey } from './revoke-key.tsx'
import { useKeysState } from './use-keys-state.ts'

const PAGE_SIZE = 25

export function KeysPage() {
  const [state, update] = useKeysState()
  const [isCreating, setIsCreating] = useState(false)
  const [revoking, setRevoking] = useState<ApiKey | undefined>()
  const seesEveryone = useSession()?.may.includes('read everyone’s API keys') ?? false
  const keys = useQuery({
    queryKey: ['keys', state],
    queryFn: () => api.apiKeys.listApiKeys.query({ ...state, pageSize: PAGE_SIZE }),
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
        <fieldset className="flex min-w-0 flex-wrap gap-0.5 border-b border-line px-3 py-2">
          <legend className="sr-only">Which keys</legend>
          <Choice word="Active" isOn={state.onlyActive} onClick={() => update({ onlyActive: true })} />
          <Choice word="All, with expired and revoked" isOn={!state.onlyActive} onClick={() => update({ onlyActive: false })} />
        </fieldset>
        {keys.data !== undefined ? (
          keys.data.rows.length > 0 ? (
            <>
              <KeyTable rows={keys.data.rows} showsOwner={seesEveryone} onRevoke={setRevoking} />
              <Pager page={state.page} pageSize={PAGE_SIZE} total={keys.data.total} onPage={(page) => update({ page })} />
            </>
          ) : (
            <EmptyState icon={KeyRound} title={state.onlyActive ? 'No active keys' : 'No keys yet'} action={create || undefined}>
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
