'use client'
import { Download } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Confirm } from '../components/dialog.tsx'
import { Field, Input } from '../components/field.tsx'
import { Ago } from '../components/time.tsx'
import { download } from './push-file.ts'
import type { PushSetup } from './push-status.tsx'
import { StepRefusal } from './step-refusal.tsx'
import { usePushStep } from './use-push-step.ts'

export function PushRequest({ request }: { request: PushSetup['request'] }) {
  return request === null ? <NewRequest /> : <Pending request={request} />
}

function NewRequest() {
  const step = usePushStep((wish: { organization: string; email: string }) => api.push.createPushRequest.mutate(wish))
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    step.take({ organization: String(form.get('organization')), email: String(form.get('email')) })
  }
  return (
    <form onSubmit={submit} className="max-w-lg space-y-3">
      <p className="text-ink-2">The private key is made on this appliance, stays here sealed, and is never shown.</p>
      <Field label="Organisation" hint="As Apple’s portal will list it.">
        <Input name="organization" required maxLength={64} autoComplete="organization" />
      </Field>
      <Field label="Email of the Apple account" hint="A company account that outlives whoever leaves: it is needed again every year.">
        <Input name="email" type="email" required maxLength={200} autoComplete="email" />
      </Field>
      <StepRefusal step={step} />
      <Button type="submit" variant="primary" isBusy={step.isBusy}>
        Make the request
      </Button>
    </form>
  )
}

function Pending({ request }: { request: NonNullable<PushSetup['request']> }) {
  const [isAsking, setIsAsking] = useState(false)
  const discard = usePushStep(() => api.push.discardPushRequest.mutate())
  return (
    <div className="space-y-3">
      <p className="text-ink-2">
        Made <Ago at={request.createdAt} /> for {request.organization}, {request.email}.
      </p>
      <div className="flex flex-wrap gap-2">
        <Button size="sm" onClick={() => download('espalier-push-request.csr', request.csrPem)}>
          <Download aria-hidden className="size-3.5" />
          The request (CSR)
        </Button>
        <Button size="sm" variant="quiet" onClick={() => setIsAsking(true)}>
          Discard
        </Button>
      </div>
      <StepRefusal step={discard} />
      <Confirm
        isOpen={isAsking}
        onOpenChange={setIsAsking}
        title="Discard this request?"
        action="Discard the request"
        isBusy={discard.isBusy}
        error={discard.error}
        onConfirm={() => {
          discard.take(undefined)
          setIsAsking(false)
        }}
      >
        <p>Its private key is deleted. A certificate that Apple has given for it, or gives later, can then never be used.</p>
        <p>No Mac is affected: the certificate in force stays.</p>
      </Confirm>
    </div>
  )
}
