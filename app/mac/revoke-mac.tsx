'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, type Mac } from '../api.ts'
import { Confirm } from '../components/dialog.tsx'

export function RevokeMac({ mac, isOpen, onOpenChange }: { mac: Mac; isOpen: boolean; onOpenChange: (isOpen: boolean) => void }) {
  const queries = useQueryClient()
  const revoke = useMutation({
    mutationFn: () => api.macs.revokeMac.mutate({ mac: mac.id }),
    onSuccess: async () => {
      await queries.invalidateQueries()
      onOpenChange(false)
    },
  })
  return (
    <Confirm
      isOpen={isOpen}
      onOpenChange={onOpenChange}
      title={`Revoke ${mac.name ?? mac.serial}?`}
      action="Revoke 1 Mac"
      isBusy={revoke.isPending}
      error={revoke.error}
      onConfirm={() => revoke.mutate()}
    >
      <p>This takes effect at once, for this one Mac:</p>
      <ul className="list-disc space-y-1 pl-5">
        <li>
          {mac.active === 0
            ? 'No request is running on it.'
            : `${mac.active} running ${mac.active === 1 ? 'request is' : 'requests are'} cut off.`}
        </li>
        <li>Its agent is disconnected and its key is no longer accepted.</li>
        <li>Nothing is ever routed to it again; it cannot enroll a second time.</li>
      </ul>
      <p>Its evidence and its timeline are kept.</p>
    </Confirm>
  )
}
