'use client'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { type Answers, api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { Confirm } from '../components/dialog.tsx'
import { FailedState, FailureNote, LoadingRows } from '../components/states.tsx'
import { Ago } from '../components/time.tsx'
import { roleName } from '../role-name.ts'
import { LinkShownOnce } from './link-shown-once.tsx'

type Invitation = Answers['people']['listInvitations'][number]

/** The links that somebody may still come in by; each can be ended, or made anew when it was lost. */
export function Invitations() {
  const [ending, setEnding] = useState<Invitation | undefined>()
  const queries = useQueryClient()
  const invitations = useQuery({ queryKey: ['invitations'], queryFn: () => api.people.listInvitations.query() })
  const again = useMutation({
    mutationFn: (invitation: Invitation) => api.people.reissueInvitation.mutate({ id: invitation.id }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['invitations'] }),
  })
  return (
    <Card className="overflow-hidden">
      <CardHeader title="Open links" note="each works once, for 72 hours" />
      {invitations.data === undefined ? (
        invitations.isError ? (
          <FailedState error={invitations.error} retry={() => void invitations.refetch()} what="The links could not be loaded" />
        ) : (
          <LoadingRows rows={1} label="Loading the links" />
        )
      ) : invitations.data.length === 0 ? (
        <p className="px-4 py-3 text-ink-2">Nobody is invited at the moment.</p>
      ) : (
        <ul className="divide-y divide-line">
          {invitations.data.map((invitation) => (
            <li key={invitation.id} className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-2.5">
              <div className="min-w-0 flex-1">
                <p className="font-medium">{invitation.email}</p>
                <p className="text-ink-2">
                  {purposeOf(invitation)}, ends <Ago at={invitation.expiresAt} />
                </p>
              </div>
              {invitation.mayBeChanged && (
                <div className="flex gap-2">
                  <Button
                    size="sm"
                    isBusy={again.isPending && again.variables.id === invitation.id}
                    onClick={() => again.mutate(invitation)}
                  >
                    New link
                  </Button>
                  <Button size="sm" onClick={() => setEnding(invitation)}>
                    Withdraw
                  </Button>
                </div>
              )}
            </li>
          ))}
        </ul>
      )}
      {again.error !== null && (
        <div className="border-t border-line p-3">
          <FailureNote error={again.error} />
        </div>
      )}
      {again.data !== undefined && <LinkShownOnce offer={again.data} to={again.variables.email} onClose={() => again.reset()} />}
      {ending !== undefined && <Withdraw invitation={ending} onClose={() => setEnding(undefined)} />}
    </Card>
  )
}

function purposeOf({ purpose, role, removesSecondFactor }: Invitation): string {
  if (purpose === 'join') return `Invited as ${roleName(role)}`
  return removesSecondFactor ? 'A new password, without the second factor' : 'A new password'
}

function Withdraw({ invitation, onClose }: { invitation: Invitation; onClose: () => void }) {
  const queries = useQueryClient()
  const withdraw = useMutation({
    mutationFn: () => api.people.revokeInvitation.mutate({ id: invitation.id }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['invitations'] })
      onClose()
    },
  })
  return (
    <Confirm
      isOpen
      onOpenChange={(isOpen) => !isOpen && onClose()}
      title={`Withdraw the link for ${invitation.email}?`}
      action="Withdraw the link"
      isBusy={withdraw.isPending}
      error={withdraw.error}
      onConfirm={() => withdraw.mutate()}
    >
      <p>Whoever opens it is told to ask for a new one. Accounts and sessions are not affected.</p>
    </Confirm>
  )
}
