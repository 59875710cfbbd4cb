'use client'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useEffect, useState } from 'react'
import { type Answers, api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card } from '../components/card.tsx'
import { Field, Input } from '../components/field.tsx'
import { NewPasswordFields, readNewPassword } from '../components/new-password.tsx'
import { FailedState, FailureNote, LoadingRows } from '../components/states.tsx'
import { roleName } from '../role-name.ts'
import { signOut } from '../sign-in-client.ts'

type Invitation = Answers['people']['lookAtInvitation']

/** Reads the token behind the `#`, says what it is for, and takes name and password. */
export function AcceptInvitation({ signedInAs }: { signedInAs: string | null }) {
  const [token, setToken] = useState<string | undefined>()
  const look = useMutation({ mutationFn: (of: string) => api.people.lookAtInvitation.mutate({ token: of }) })
  const { mutate } = look
  useEffect(() => {
    const given = window.location.hash.slice(1)
    setToken(given)
    mutate(given)
  }, [mutate])
  if (signedInAs !== null) return <SignedInAlready email={signedInAs} />
  return (
    <Card className="p-5">
      {look.data !== undefined && token !== undefined ? (
        <AcceptForm invitation={look.data} token={token} />
      ) : look.error !== null ? (
        <FailedState error={look.error} what="This link opens nothing" />
      ) : (
        <LoadingRows rows={3} label="Looking at the link" />
      )}
    </Card>
  )
}

function SignedInAlready({ email }: { email: string }) {
  return (
    <Card className="space-y-3 p-5">
      <p>You are signed in as {email}. Sign out first, and open the link again: what it makes belongs to whoever it was given to.</p>
      <Button onClick={() => void signOut()}>Sign out</Button>
    </Card>
  )
}

function AcceptForm({ invitation, token }: { invitation: Invitation; token: string }) {
  const [fault, setFault] = useState<string | undefined>()
  const accept = useMutation({
    mutationFn: (choice: { name: string; password: string }) => api.people.acceptInvitation.mutate({ token, ...choice }),
    // The token has no use any more, and should not stay in the history.
    onSuccess: () => window.history.replaceState(null, '', '/accept-invitation'),
  })
  const isNew = invitation.purpose === 'join'
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const chosen = readNewPassword(form)
    setFault(chosen.fault)
    if (chosen.fault === undefined)
      accept.mutate({ name: isNew ? String(form.get('name')) : (invitation.name ?? invitation.email), password: chosen.password })
  }
  if (accept.data !== undefined)
    return (
      <div role="status" className="space-y-3">
        <p className="font-medium">{isNew ? 'Your account is made.' : 'Your password is set.'}</p>
        <p className="text-ink-2">Sign in as {accept.data.email} with the password that you just chose.</p>
        <Button variant="primary" asChild>
          <a href="/signin">Sign in</a>
        </Button>
      </div>
    )
  return (
    <form className="space-y-4" onSubmit={submit}>
      <p className="text-ink-2">
        {isNew ? `You are invited as ${roleName(invitation.role)}.` : `A new password for ${invitation.name}. Every session of yours ends.`}
      </p>
      <Field label="Email">
        <Input name="email" type="email" autoComplete="username" readOnly value={invitation.email} />
      </Field>
      {isNew && (
        <Field label="Your name" hint="As colleagues know you; it stands in the list of people.">
          <Input name="name" required autoFocus maxLength={80} autoComplete="name" />
        </Field>
      )}
      <NewPasswordFields fault={fault} />
      {accept.error !== null && <FailureNote error={accept.error} />}
      <Button type="submit" variant="primary" isBusy={accept.isPending} className="w-full">
        {isNew ? 'Make my account' : 'Set the password'}
      </Button>
    </form>
  )
}
