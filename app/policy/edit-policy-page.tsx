'use client'
import { useQuery } from '@tanstack/react-query'
import { useSearchParams } from 'next/navigation'
import { useState } from 'react'
import { api, type PolicyDraft, type PolicyInForce } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { FailedState, LoadingRows } from '../components/states.tsx'
import { PreviewCard } from './impact.tsx'
import { PoolEditor } from './pool-editor.tsx'
import { Propose } from './propose.tsx'
import { ReleaseEditor } from './release-editor.tsx'
import { GROUPS } from './setting-fields.ts'
import { SettingInput } from './setting-input.tsx'
import { type Move, usePreview } from './use-preview.ts'
import { WaiverEditor } from './waiver-editor.tsx'

const PARENT = { href: '/policy', title: 'Policy' }

/** A change of the policy, measured before it is proposed. */
export function EditPolicyPage() {
  // Read once: what is being edited must not change under one’s hands.
  const policy = useQuery({
    queryKey: ['policy', 'to edit'],
    queryFn: () => api.policies.getPolicy.query(),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  })
  return (
    <>
      <PageHeader
        parent={PARENT}
        title="Propose a change"
        note="Nothing changes yet. The impact on the fleet is shown first, and what lowers trust is approved by another person."
      />
      {policy.data !== undefined ? (
        <Form policy={policy.data} />
      ) : (
        <Card>
          {policy.isError ? (
            <FailedState error={policy.error} retry={() => void policy.refetch()} what="The policy could not be loaded" />
          ) : (
            <LoadingRows label="Loading the policy" />
          )}
        </Card>
      )}
    </>
  )
}

function Form({ policy }: { policy: PolicyInForce }) {
  const mac = useSearchParams().get('mac') ?? undefined
  const [draft, setDraft] = useState<PolicyDraft>(policy.draft)
  const [moves, setMoves] = useState<Move[]>([])
  const preview = usePreview()
  const change = (part: Partial<PolicyDraft>): void => {
    setDraft({ ...draft, ...part })
    preview.forget()
  }
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault()
        preview.start({ draft, moves })
      }}
    >
      <div className="grid items-start gap-4 lg:grid-cols-2">
        {GROUPS.map(({ title, settings }) => (
          <Card key={title}>
            <CardHeader title={title} />
            <div className="space-y-3 px-4 py-3">
              {settings
                .filter((name) => name !== 'allowEvaluation' || policy.mode === 'evaluation')
                .map((name) => (
                  <SettingInput key={name} name={name} value={draft[name]} onChange={(value) => change({ [name]: value })} />
                ))}
            </div>
          </Card>
        ))}
      </div>
      <ReleaseEditor releases={draft.releases} onChange={(releases) => change({ releases })} />
      <PoolEditor
        draft={draft}
        onChange={(pools) => {
          change({ pools })
          setMoves(moves.filter(({ pool }) => pool === null || pools.some(({ name }) => name === pool)))
        }}
        moves={moves}
        onMoves={(next) => {
          setMoves(next)
          preview.forget()
        }}
      />
      <WaiverEditor
        waivers={draft.waivers}
        onChange={(waivers) => change({ waivers })}
        waivable={policy.waivable}
        pools={draft.pools.map(({ name }) => name)}
        mac={mac}
      />
      <div className="flex justify-end">
        <Button type="submit" variant={preview.data?.state === 'done' ? 'secondary' : 'primary'} isBusy={preview.isRunning}>
          Look at the impact
        </Button>
      </div>
      <PreviewCard preview={preview.data} isRunning={preview.isRunning} error={preview.error} />
      {preview.data?.state === 'done' && <Propose preview={preview.data} />}
    </form>
  )
}
