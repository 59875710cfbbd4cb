'use client'
import { useMutation, useQuery } from '@tanstack/react-query'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Field, Input } from '../components/field.tsx'
import { FailureNote } from '../components/states.tsx'
import { offerStepUp } from './step-up-prompt.ts'

/** Stands once in the frame of all pages; opens whenever an action needs the password again (see `step-up-link.ts`). */
export function StepUpDialog() {
  const [isOpen, setIsOpen] = useState(false)
  const settle = useRef<(isProved: boolean) => void>(() => {})
  useEffect(
    () =>
      offerStepUp(
        () =>
          new Promise((resolve) => {
            settle.current = resolve
            setIsOpen(true)
          }),
      ),
    [],
  )
  function close(isProved: boolean) {
    setIsOpen(false)
    settle.current(isProved)
  }
  return (
    <Dialog
      isOpen={isOpen}
      onOpenChange={(opens) => !opens && close(false)}
      title="Is it you?"
      description="What you are about to do needs your password again. After that it is not asked for in the next ten minutes."
    >
      <ProofForm onProved={() => close(true)} onDecline={() => close(false)} />
    </Dialog>
  )
}

function ProofForm({ onProved, onDecline }: { onProved: () => void; onDecline: () => void }) {
  const factor = useQuery({ queryKey: ['second-factor'], queryFn: () => api.session.getSecondFactor.query() })
  const proof = useMutation({
    mutationFn: (given: { password: string; code?: string }) => api.session.stepUp.mutate(given),
    onSuccess: onProved,
  })
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    // A dialog may lie inside the form whose action asked for it: React hands events up along components, not elements.
    event.stopPropagation()
    const form = new FormData(event.currentTarget)
    const code = form.get('code')
    proof.mutate({ password: String(form.get('password')), ...(code !== null && { code: String(code) }) })
  }
  return (
    <form onSubmit={submit}>
      <div className="space-y-4 px-5 py-4">
        <Field label="Your password">
          <Input name="password" type="password" required autoFocus maxLength={1024} autoComplete="current-password" />
        </Field>
        {factor.data?.isOn === true && (
          <Field label="Code of your second factor" hint="From your authenticator app, or a recovery code.">
            <Input name="code" required maxLength={40} autoComplete="one-time-code" />
          </Field>
        )}
        {proof.error !== null && <FailureNote error={proof.error} />}
      </div>
      <footer className="sticky bottom-0 flex justify-end gap-2 border-t border-line bg-raised px-5 py-3">
        <Button onClick={onDecline}>Cancel</Button>
        <Button type="submit" variant="primary" isBusy={proof.isPending}>
          Continue
        </Button>
      </footer>
    </form>
  )
}
