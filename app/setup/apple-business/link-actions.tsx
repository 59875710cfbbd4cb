'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../../api.ts'
import { Button } from '../../components/button.tsx'
import { Confirm } from '../../components/dialog.tsx'
import { FailureNote } from '../../components/states.tsx'
import type { AppleBusinessLink } from './link.ts'

export function LinkActions({ link }: { link: AppleBusinessLink }) {
  const [isRemoving, setIsRemoving] = useState(false)
  const queries = useQueryClient()
  const onSuccess = () => queries.invalidateQueries({ queryKey: ['apple-business-links'] })
  const sync = useMutation({ mutationFn: () => api.appleBusiness.syncLink.mutate({ link: link.id }), onSuccess })
  const assign = useMutation({
    mutationFn: (assignsNewMacs: boolean) => api.appleBusiness.setAssignsNewMacs.mutate({ link: link.id, assignsNewMacs }),
    onSuccess,
  })
  const remove = useMutation({ mutationFn: () => api.appleBusiness.removeLink.mutate({ link: link.id }), onSuccess })
  return (
    <>
      {link.server !== null && (
        <>
          <Button isBusy={sync.isPending} onClick={() => sync.mutate()}>
            Read now
          </Button>
          <Button isBusy={assign.isPending} onClick={() => assign.mutate(!link.assignsNewMacs)}>
            {link.assignsNewMacs ? 'Stop assigning new Macs' : 'Assign new Macs'}
          </Button>
        </>
      )}
      <Button variant="danger" className="ml-auto" onClick={() => setIsRemoving(true)}>
        Remove the link
      </Button>
      {(sync.error ?? assign.error) !== null && <FailureNote error={sync.error ?? assign.error} />}
      <Confirm
        isOpen={isRemoving}
        onOpenChange={setIsRemoving}
        title="Remove this link?"
        action="Remove the link"
        isBusy={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate()}
      >
        <p>
          The key and the server token are forgotten.{' '}
          {link.devices === 0
            ? 'No Mac is affected.'
            : `The ${link.devices} ${link.devices === 1 ? 'Mac' : 'Macs'} of this link no longer enroll here by themselves; those that are enrolled stay so.`}
        </p>
        <p>In Apple Business the service remains until you delete it there.</p>
      </Confirm>
    </>
  )
}
