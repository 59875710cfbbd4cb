'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { api, type Mac } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Field, TextArea } from '../components/field.tsx'
import { FailureNote } from '../components/states.tsx'

const MIN_REASON_LENGTH = 3

/** Ends what the Mac authenticates itself to MDM with; the Mac stays in the inventory. */
export function RevokeIdentity({ mac, isOpen, onOpenChange }: { mac: Mac; isOpen: boolean; onOpenChange: (isOpen: boolean) => void }) {
  const queries = useQueryClient()
  const form = useId()
  const [reason, setReason] = useState('')
  const isTooShort = reason.trim().length < MIN_REASON_LENGTH
  const revoke = useMutation({
    mutationFn: () => api.macs.revokeIdentity.mutate({ which: { mac: mac.id }, reason: reason.trim() }),
    onSuccess: async () => {
      await queries.invalidateQueries()
      setReason('')
      onOpenChange(false)
    },
  })
  return (
    <Dialog
      isOpen={isOpen}
      onOpenChange={onOpenChange}
      title={`Revoke the MDM identity of ${mac.name ?? mac.serial}?`}
      description="This takes effect at once, for this one Mac, and cannot be taken back."
    >
      <form
        id={form}
        className="space-y-3 px-5 py-4"
        onSubmit={(event) => {
          event.preventDefault()
          if (!isTooShort) revoke.mutate()
        }}
      >
        <ul className="list-disc space-y-1 pl-5 text-ink-2">
          <li>MDM answers none of its messages any more, and nothing is routed to it.</li>
          <li>It can neither be locked nor erased from here afterwards.</li>
          <li>It may enroll anew, with a new link.</li>
        </ul>
        <Field label="Why" hint="It is kept in the audit trail and shown on the timeline.">
          <TextArea value={reason} maxLength={200} required onChange={(event) => setReason(event.target.value)} />
        </Field>
        {revoke.error !== null && <FailureNote error={revoke.error} />}
      </form>
      <footer className="flex justify-end gap-2 border-t border-line px-5 py-3">
        <Button onClick={() => onOpenChange(false)}>Cancel</Button>
        <Button variant="primary" type="submit" form={form} isBusy={revoke.isPending} disabled={isTooShort}>
          Revoke 1 identity
        </Button>
      </footer>
    </Dialog>
  )
}
