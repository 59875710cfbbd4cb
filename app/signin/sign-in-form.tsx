'use client'
import { CircleAlert } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import { Button } from '../components/button.tsx'
import { Card } from '../components/card.tsx'
import { Field, Input } from '../components/field.tsx'
import { type SignInOutcome, signIn } from '../sign-in-client.ts'

const REFUSALS: Record<Exclude<SignInOutcome, 'signed_in'>, string> = {
  wrong: 'The address or the password is not right.',
  too_many_requests: 'Too many attempts. Wait a quarter of an hour and try again.',
  failed: 'The appliance did not answer as expected. Try again in a moment.',
}

export function SignInForm({ next, hint }: { next: string; hint: boolean }) {
  const [isBusy, setIsBusy] = useState(false)
  const [refusal, setRefusal] = useState<string | undefined>()

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    setIsBusy(true)
    setRefusal(undefined)
    const outcome = await signIn({ email: String(form.get('email')), password: String(form.get('password')) })
    // A whole new page: what was fetched for nobody must not be shown to somebody.
    if (outcome === 'signed_in') return window.location.assign(next)
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
