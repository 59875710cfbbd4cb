'use client'
import { CircleAlert } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import { Button } from '../components/button.tsx'
import { Card } from '../components/card.tsx'
import { Field, Input } from '../components/field.tsx'
import { type SignInOutcome, signIn } from '../sign-in-client.ts'

const REFUSALS: Record<Exclude<SignInOutcome, 'signed_in'>, string> = {
  wrong: 'The address or the password is not right.',
  second_factor_needed: 'Give the code of your authenticator app, or one of your recovery codes.',
  wrong_code: 'The code is not right, or it was used before. Wait for the next one.',
  too_many_requests: 'Too many attempts. Wait a quarter of an hour and try again.',
  failed: 'The appliance did not answer as expected. Try again in a moment.',
}

export function SignInForm({ next, hint }: { next: string; hint: boolean }) {
  const [isBusy, setIsBusy] = useState(false)
  const [needsCode, setNeedsCode] = useState(false)
  const [refusal, setRefusal] = useState<string | undefined>()

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    setIsBusy(true)
    setRefusal(undefined)
    const outcome = await signIn({
      email: String(form.get('email')),
      password: String(form.get('password')),
      code: String(form.get('code') ?? ''),
    })
    // A whole new page: what was fetched for nobody must not be shown to somebody.
    if (outcome === 'signed_in') return window.location.assign(next)
    if (outcome === 'second_factor_needed') setNeedsCode(true)
    setRefusal(REFUSALS[outcome])
    setIsBusy(false)
  }

  return (
    <Card className="p-5">
      <form className="space-y-4" onSubmit={(event) => void submit(event)}>
        <Field label="Email">
          <Input name="email" type="email" autoComplete="username" required autoFocus />
        </Field>
        <Field label="Password">
          <Input name="password" type="password" autoComplete="current-password" required maxLength={1024} />
        </Field>
        {needsCode && (
          <Field label="Code of your second factor">
            <Input name="code" required autoFocus autoComplete="one-time-code" maxLength={40} />
          </Field>
        )}
        {refusal !== undefined && (
          <p role="alert" className="flex items-start gap-2 rounded-md bg-bad-soft px-3 py-2 text-bad">
            <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
            {refusal}
          </p>
        )}
        <Button type="submit" variant="primary" isBusy={isBusy} className="w-full">
          Sign in
        </Button>
      </form>
      {hint && (
        <p className="mt-4 border-t border-line pt-3 text-xs text-ink-3">
          The first password was printed when the appliance started, and is kept in <code className="font-mono">first-run.json</code> in its
          data folder.
        </p>
      )}
    </Card>
  )
}
