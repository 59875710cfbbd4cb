'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, type PolicyVersionDetail } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { Confirm } from '../components/dialog.tsx'
import { Field, TextArea } from '../components/field.tsx'
import { FailureNote } from '../components/states.tsx'
import { Ago } from '../components/time.tsx'
import { useMay } from '../use-session.ts'
import { PreviewCard } from './impact.tsx'
import { usePreview } from './use-preview.ts'

/** A proposal is decided on its impact of this moment: look first, then approve, reject or take back. */
export function Decide({ version }: { version: PolicyVersionDetail }) {
  const preview = usePreview()
  const mayLook = useMay('propose a policy')
  const [reason, setReason] = useState('')
  const [isApproving, setIsApproving] = useState(false)
  const queries = useQueryClient()
  const onSuccess = () => queries.invalidateQueries()
  const reject = useMutation({ mutationFn: () => api.policies.rejectPolicy.mutate({ version: version.version, reason }), onSuccess })
  const withdraw = useMutation({ mutationFn: () => api.policies.withdrawPolicy.mutate({ version: version.version, reason }), onSuccess })
  const { may } = version
  const isMeasured = preview.data?.state === 'done'
  const error = reject.error ?? withdraw.error
  return (
    <>
      <Card aria-label="Decision">
        <CardHeader title="Waiting for a decision" note={version.lowersTrust ? 'It lowers trust' : 'It lowers nothing'} />
        <div className="space-y-3 px-4 py-3">
          {version.notBefore !== null && (
            <p>
              Approved by {version.decidedBy?.name}, because no second approver exists. It comes in force <Ago at={version.notBefore} />,
              unless somebody ends it before.
            </p>
          )}
          {may.why !== null && <p className="text-ink-2">{may.why}</p>}
          {(may.reject || may.withdraw) && (
            <Field label="Reason" hint={may.reject ? 'Needed to reject it.' : undefined}>
              <TextArea maxLength={1000} value={reason} onChange={(event) => setReason(event.target.value)} />
            </Field>
          )}
          {error !== null && <FailureNote error={error} />}
          <div className="flex flex-wrap justify-end gap-2">
            {may.withdraw && (
              <Button isBusy={withdraw.isPending} onClick={() => withdraw.mutate()}>
                Take it back
              </Button>
            )}
            {may.reject && (
              <Button disabled={reason.trim() === ''} isBusy={reject.isPending} onClick={() => reject.mutate()}>
                Reject
              </Button>
            )}
            {mayLook && (
              <Button
                variant={isMeasured ? 'secondary' : 'primary'}
                isBusy={preview.isRunning}
                onClick={() => preview.start({ version: version.version })}
              >
                Look at the impact now
              </Button>
            )}
            {(may.approve || may.approveAlone) && (
              <Button variant="primary" disabled={!isMeasured} onClick={() => setIsApproving(true)}>
                Approve…
              </Button>
            )}
          </div>
          {(may.approve || may.approveAlone) && !isMeasured && (
            <p className="text-right text-xs text-ink-3">Look at the impact before you approve.</p>
          )}
        </div>
      </Card>
      <PreviewCard preview={preview.data} isRunning={preview.isRunning} error={preview.error} />
      {isMeasured && preview.data !== undefined && (
        <Approve
          version={version}
          preview={preview.data.id}
          sentence={preview.data.impact?.sentence ?? ''}
          isOpen={isApproving}
          onOpenChange={setIsApproving}
        />
      )}
    </>
  )
}

type ApproveProps = {
  version: PolicyVersionDetail
  preview: string
  sentence: string
  isOpen: boolean
  onOpenChange: (isOpen: boolean) => void
}

function Approve({ version, preview, sentence, isOpen, onOpenChange }: ApproveProps) {
  const queries = useQueryClient()
  const isAlone = version.may.approveAlone
  const approve = useMutation({
    mutationFn: () => api.policies.approvePolicy.mutate({ version: version.version, preview, alone: isAlone }),
    onSuccess: async () => {
      await queries.invalidateQueries()
      onOpenChange(false)
    },
  })
  return (
    <Confirm
      isOpen={isOpen}
      onOpenChange={onOpenChange}
      title={isAlone ? `Approve version ${version.version} alone?` : `Put version ${version.version} in force?`}
      action={isAlone ? 'Approve, in force in 24 hours' : 'Put it in force'}
      isBusy={approve.isPending}
      error={approve.error}
      onConfirm={() => approve.mutate()}
    >
      <p>{sentence}</p>
      {isAlone ? (
        <p>
          You proposed it, and no second approver exists. It comes in force in 24 hours, the record says that one person did it, and it
          counts for nothing once somebody else can approve.
        </p>
      ) : (
        <p>It takes effect at once, and the whole fleet is judged again.</p>
      )}
    </Confirm>
  )
}
