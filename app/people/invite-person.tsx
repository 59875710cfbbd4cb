'use client'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api, type Role } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Field, Input, Select } from '../components/field.tsx'
import { FailureNote } from '../components/states.tsx'
import { roleName } from '../role-name.ts'
import { useSession } from '../use-session.ts'
import { LinkShownOnce } from './link-shown-once.tsx'
import { ROLE_TEXT } from './role-text.ts'

export function InvitePerson({ onClose }: { onClose: () => void }) {
  const queries = useQueryClient()
  const invite = useMutation({
    mutationFn: (wish: { email: string; role: Role }) => api.people.invitePerson.mutate(wish),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['invitations'] }),
  })
  if (invite.data !== undefined) return <LinkShownOnce offer={invite.data} to={invite.variables.email} onClose={onClose} />
  return (
    <Dialog
      isOpen
      onOpenChange={(isOpen) => !isOpen && onClose()}
      title="Invite somebody"
      description="You get a link that works once, for 72 hours. There they choose their name and password."
    >
      <WishForm isBusy={invite.isPending} error={invite.error} onSubmit={invite.mutate} onClose={onClose} />
    </Dialog>
  )
}

type WishFormProps = { isBusy: boolean; error: unknown; onSubmit: (wish: { email: string; role: Role }) => void; onClose: () => void }

function WishForm({ isBusy, error, onSubmit, onClose }: WishFormProps) {
  const [role, setRole] = useState<Role>('viewer')
  const own = useSession()?.user.role
  const review = useQuery({ queryKey: ['access-review'], queryFn: () => api.people.getAccessReview.query(), staleTime: 60_000 })
  const givable = review.data?.roles.find((each) => each.role === own)?.mayManage ?? [role]
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    onSubmit({ email: String(new FormData(event.currentTarget).get('email')).trim(), role })
  }
  return (
    <form onSubmit={submit}>
      <div className="space-y-4 px-5 py-4">
        <Field label="Email" hint="It is what they sign in with. No mail is sent: you pass the link on yourself.">
          <Input name="email" type="email" required autoFocus maxLength={200} autoComplete="off" placeholder="grace@example.com" />
        </Field>
        <Field label="Role" hint={ROLE_TEXT[role]}>
          <Select value={role} onChange={(event) => setRole(event.target.value as Role)}>
            {givable.map((each) => (
              <option key={each} value={each}>
                {roleName(each)}
              </option>
            ))}
          </Select>
        </Field>
        {error !== null && <FailureNote error={error} />}
      </div>
      <footer className="sticky bottom-0 flex justify-end gap-2 border-t border-line bg-raised px-5 py-3">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" variant="primary" isBusy={isBusy}>
          Make the link
        </Button>
      </footer>
    </form>
  )
}
