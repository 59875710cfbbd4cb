'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { api, type PolicyPreview } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { Field, TextArea } from '../components/field.tsx'
import { FailureNote } from '../components/states.tsx'
import { useMay } from '../use-session.ts'
import { Changes } from './changes.tsx'
import { measured } from './use-preview.ts'

/** What was measured, in sentences, and the words to propose it with. What lowers nothing may be put in force in the same step. */
export function Propose({ preview }: { preview: PolicyPreview }) {
  const [reason, setReason] = useState('')
  const [router, queries] = [useRouter(), useQueryClient()]
  const mayApprove = useMay('approve a policy')
  const propose = useMutation({
    mutationFn: async (andApprove: boolean) => {
      const { version } = await api.policies.proposePolicy.mutate({ preview: preview.id, reason })
      if (andApprove) await api.policies.approvePolicy.mutate({ version, preview: await measured(version) })
      return version
    },
    onSuccess: async (version) => {
      await queries.invalidateQueries()
      router.push(`/policy/versions/${version}`)
    },
  })
  const canPropose = reason.trim() !== '' && preview.changes.length > 0
  return (
    <Card aria-label="What changes">
      <CardHeader
        title="What changes"
        note={preview.lowersTrust ? 'It lowers trust: another person must approve it' : 'It lowers nothing'}
      />
      <Changes changes={preview.changes} />
      <div className="space-y-3 border-t border-line px-4 py-3">
        <Field label="Why" hint="Whoever approves it reads this, and it stays in the record.">
          <TextArea required maxLength={1000} value={reason} onChange={(event) => setReason(event.target.value)} />
        </Field>
        {propose.error !== null && <FailureNote error={propose.error} />}
        <div className="flex justify-end gap-2">
          {!preview.lowersTrust && mayApprove && (
            <Button disabled={!canPropose} isBusy={propose.isPending} onClick={() => propose.mutate(true)}>
              Propose and put in force
            </Button>
          )}
          <Button variant="primary" disabled={!canPropose} isBusy={propose.isPending} onClick={() => propose.mutate(false)}>
            Propose
          </Button>
        </div>
      </div>
    </Card>
  )
}
