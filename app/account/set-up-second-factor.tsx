'use client'
import { useMutation } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import { type Answers, api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { CopyField } from '../components/copyable.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Field, Input } from '../components/field.tsx'
import { FailureNote } from '../components/states.tsx'
import { QrCode } from './qr-code.tsx'

type Offer = Answers['session']['beginSecondFactor']
type Props = { offer: Offer; onDone: (recoveryCodes: string[]) => Promise<void>; onClose: () => void }

export function SetUpSecondFactor({ offer, onDone, onClose }: Props) {
  const confirm = useMutation({
    mutationFn: (code: string) => api.session.confirmSecondFactor.mutate({ code }),
    onSuccess: ({ recoveryCodes }) => onDone(recoveryCodes),
  })
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    confirm.mutate(String(new FormData(event.currentTarget).get('code')))
  }
  return (
    <Dialog
      isOpen
      onOpenChange={(isOpen) => !isOpen && onClose()}
      title="Set up a second factor"
      description="Scan this with an authenticator app, then type the code that it shows."
    >
      <form onSubmit={submit}>
        <div className="space-y-4 px-5 py-4">
          <div className="flex justify-center rounded-md bg-white p-3">
            <QrCode text={offer.uri} label="QR code for the authenticator app" className="size-44" />
          </div>
          <details className="text-ink-2">
            <summary className="cursor-pointer">It cannot be scanned</summary>
            <div className="mt-2 space-y-2">
              <p>Type this secret into the app: time-based, six digits, SHA-1.</p>
              <CopyField value={offer.secret} label="Secret" />
            </div>
          </details>
          <Field label="Code of the app">
            <Input name="code" required autoFocus inputMode="numeric" autoComplete="one-time-code" maxLength={10} pattern="[0-9 ]{6,8}" />
          </Field>
          {confirm.error !== null && <FailureNote error={confirm.error} />}
        </div>
        <footer className="sticky bottom-0 flex justify-end gap-2 border-t border-line bg-raised px-5 py-3">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" isBusy={confirm.isPending}>
            Confirm
          </Button>
        </footer>
      </form>
    </Dialog>
  )
}
