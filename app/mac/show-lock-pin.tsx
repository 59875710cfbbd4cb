'use client'
import { useMutation } from '@tanstack/react-query'
import { api } from '../api.ts'
import { Confirm } from '../components/dialog.tsx'
import { LockPinDialog } from './lock-pin-dialog.tsx'
import type { ActionDialog } from './restart-mac.tsx'

export function ShowLockPin({ mac, isOpen, onOpenChange }: ActionDialog) {
  const show = useMutation({ mutationFn: () => api.macs.showLockPin.mutate({ mac: mac.id }) })
  function close() {
    onOpenChange(false)
    show.reset()
  }
  if (show.data !== undefined) return <LockPinDialog mac={mac} pin={show.data.pin} earlier={show.data.earlier} onClose={close} />
  return (
    <Confirm
      isOpen={isOpen}
      onOpenChange={(opens) => (opens ? onOpenChange(true) : close())}
      title={`Show the PIN of ${mac.name ?? mac.serial}?`}
      action="Show the PIN"
      isBusy={show.isPending}
      error={show.error}
      onConfirm={() => show.mutate()}
    >
      <p>It opens the Mac after its last lock. That you looked at it goes on record.</p>
    </Confirm>
  )
}
