'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { CircleCheck } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Card, CardHeader } from '../components/card.tsx'
import { Field, Input } from '../components/field.tsx'
import { NewPasswordFields, readNewPassword } from '../components/new-password.tsx'
import { FailureNote } from '../components/states.tsx'

type Wish = { oldPassword: string; newPassword: string }

export function ChangePassword() {
  const queries = useQueryClient()
  const [fault, setFault] = useState<string | undefined>()
  const change = useMutation({
    mutationFn: (wish: Wish) => api.session.changePassword.mutate(wish),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['sessions'] }),
  })
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const element = event.currentTarget
    const form = new FormData(element)
    const chosen = readNewPassword(form)
    setFault(chosen.fault)
    if (chosen.fault !== undefined) return
    const wish = { oldPassword: String(form.get('oldPassword')), newPassword: chosen.password }
    change.mutate(wish, { onSuccess: () => element.reset() })
  }
  return (
    <Card>
      <CardHeader title="Password" />
      <form onSubmit={submit} className="max-w-md space-y-4 px-4 py-4">
        <Field label="Present password">
          <Input name="oldPassword" type="password" required maxLength={1024} autoComplete="current-password" />
        </Field>
        <NewPasswordFields fault={fault} />
        {change.error !== null && <FailureNote error={change.error} />}
        {change.data !== undefined && (
          <p role="status" className="flex items-center gap-2 text-good">
            <CircleCheck aria-hidden className="size-4" />
            The password is changed. {change.data.sessionsEnded === 0 ? 'You had no other session.' : 'Every other session has ended.'}
          </p>
        )}
        <Button type="submit" isBusy={change.isPending}>
          Change the password
        </Button>
      </form>
    </Card>
  )
}
