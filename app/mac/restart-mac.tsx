'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, type Mac } from '../api.ts'
import { Confirm } from '../components/dialog.tsx'

export type ActionDialog = { mac: Mac; isOpen: boolean; onOpenChange: (isOpen: boolean) => void }

/** What is cut off when a Mac goes down, in words. */
export const runningOn = (mac: Mac): string =>
  mac.active === 0 ? 'No request is running on it.' : `${mac.active} running ${mac.active === 1 ? 'request is' : 'requests are'} cut off.`

export function RestartMac({ mac, isOpen, onOpenChange }: ActionDialog) {
  const [notifiesUser, setNotifiesUser] = useState(false)
  const queries = useQueryClient()
  const restart = useMutation({
    mutationFn: () => api.macs.restartMac.mutate({ mac: mac.id, notifiesUser }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['mac', mac.id] })
      onOpenChange(false)
    },
  })
  return (
    <Confirm
      isOpen={isOpen}
      onOpenChange={onOpenChange}
      title={`Restart ${mac.name ?? mac.serial}?`}
      action="Restart 1 Mac"
      isBusy={restart.isPending}
      error={restart.error}
      onConfirm={() => restart.mutate()}
    >
      <ul className="list-disc space-y-1 pl-5">
        <li>{notifiesUser ? 'Its user is asked, and may put it off.' : 'It restarts without asking; unsaved work is lost.'}</li>
        <li>{runningOn(mac)}</li>
        <li>After the restart it is trusted again only once Apple has attested the new start.</li>
        <li>If it is not reached within an hour, nothing happens.</li>
      </ul>
      <label className="flex items-center gap-2 pt-1 text-ink">
        <input type="checkbox" checked={notifiesUser} onChange={(event) => setNotifiesUser(event.currentTarget.checked)} />
        Ask its user first
      </label>
    </Confirm>
  )
}
