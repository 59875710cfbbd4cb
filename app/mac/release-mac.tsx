'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { api, type Mac } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Field, TextArea } from '../components/field.tsx'
import { FailureNote } from '../components/states.tsx'

const MIN_NOTE_LENGTH = 10

/** Out of quarantine, with the reason: it goes into the audit trail and onto the Mac's timeline. */
export function ReleaseMac({ mac, isOpen, onOpenChange }: { mac: Mac; isOpen: boolean; onOpenChange: (isOpen: boolean) => void }) {
  const queries = useQueryClient()
  const form = useId()
  const [note, setNote] = useState('')
  const isTooShort = note.trim().length < MIN_NOTE_LENGTH
  const release = useMutation({
    mutationFn: () => api.macs.releaseMac.mutate({ mac: mac.id, note: note.trim() }),
    onSuccess: async () => {
      await queries.invalidateQueries()
      setNote('')
      onOpenChange(false)
    },
  })
  return (
    <Dialog
      isOpen={isOpen}
      onOpenChange={onOpenChange}
      title={`Release ${mac.name ?? mac.serial}?`}
      description="One Mac leaves quarantine. It is trusted again only once Apple and the Mac itself say nothing against it."
    >
      <form
        id={form}
        className="space-y-3 px-5 py-4"
        onSubmit={(event) => {
          event.preventDefault()
          if (!isTooShort) release.mutate()
        }}
      >
        <ul className="list-disc space-y-1 pl-5 text-ink-2">
          <li>Its security report and Apple’s attestation are asked for anew.</li>
          <li>Should they contradict each other again, it goes back into quarantine.</li>
        </ul>
        <Field label="What was found, and why the Mac may be believed again" hint="At least ten characters. It is kept in the audit trail.">
          <TextArea value={note} maxLength={500} required onChange={(event) => setNote(event.target.value)} />
        </Field>
        {release.error !== null && <FailureNote error={release.error} />}
      </form>
      <footer className="flex justify-end gap-2 border-t border-line px-5 py-3">
        <Button onClick={() => onOpenChange(false)}>Cancel</Button>
        <Button variant="primary" type="submit" form={form} isBusy={release.isPending} disabled={isTooShort}>
          Release 1 Mac
        </Button>
      </footer>
    </Dialog>
  )
}
