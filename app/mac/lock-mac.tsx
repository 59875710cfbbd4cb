'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.ts'
import { Confirm } from '../components/dialog.tsx'
import { Field, TextArea } from '../components/field.tsx'
import { LockPinDialog } from './lock-pin-dialog.tsx'
import { type ActionDialog, runningOn } from './restart-mac.tsx'

/** Asks, locks, and then shows the PIN. */
export function LockMac({ mac, isOpen, onOpenChange }: ActionDialog) {
  const [message, setMessage] = useState('')
  const queries = useQueryClient()
  const lock = useMutation({
    mutationFn: () => api.macs.lockMac.mutate({ mac: mac.id, message }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['mac', mac.id] }),
  })
  function close() {
    onOpenChange(false)
    lock.reset()
    setMessage('')
  }
  if (lock.data !== undefined) return <LockPinDialog mac={mac} pin={lock.data.pin} onClose={close} />
  return (
    <Confirm
      isOpen={isOpen}
      onOpenChange={(opens) => (opens ? onOpenChange(true) : close())}
      title={`Lock ${mac.name ?? mac.serial}?`}
      action="Lock 1 Mac"
      isBusy={lock.isPending}
      error={lock.error}
      onConfirm={() => lock.mutate()}
    >
      <ul className="list-disc space-y-1 pl-5">
        <li>It restarts as soon as it is reached, within seven days, and asks for a PIN of six digits; unsaved work is lost.</li>
        <li>{runningOn(mac)}</li>
        <li>Nothing runs on it until somebody at the Mac types the PIN. You see the PIN next.</li>
      </ul>
      <div className="pt-1 text-ink">
        <Field label="Message on its screen" hint="Optional. Say whom to call.">
          <TextArea value={message} maxLength={256} rows={2} onChange={(event) => setMessage(event.currentTarget.value)} />
        </Field>
      </div>
    </Confirm>
  )
}
