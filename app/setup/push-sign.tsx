'use client'
import { type FormEvent, type ReactNode, useState } from 'react'
import { api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Choice } from '../components/choice.tsx'
import { Field, Input } from '../components/field.tsx'
import { Ago } from '../components/time.tsx'
import { readUpload } from './push-file.ts'
import type { PushSetup } from './push-status.tsx'
import { StepRefusal } from './step-refusal.tsx'
import { type PushStep, usePushStep } from './use-push-step.ts'

type Way = 'own' | 'elsewhere' | 'mdmcert'
type Request = NonNullable<PushSetup['request']>

const WAYS: { way: Way; word: string }[] = [
  { way: 'own', word: 'Our own vendor certificate' },
  { way: 'elsewhere', word: 'Signed elsewhere' },
  { way: 'mdmcert', word: 'mdmcert.download' },
]

/** Apple issues push certificates only for requests that a registered MDM vendor has signed. */
export function PushSign({ request }: { request: Request }) {
  const [way, setWay] = useState<Way>((request.vendor as Way | null) ?? 'own')
  return (
    <div className="max-w-lg space-y-3">
      {request.signedAt !== null && (
        <p className="text-ink-2">
          Signed <Ago at={request.signedAt} />; the signature was checked here. Signing again replaces it.
        </p>
      )}
      <fieldset className="flex min-w-0 flex-wrap gap-0.5">
        <legend className="sr-only">Who signs</legend>
        {WAYS.map((choice) => (
          <Choice key={choice.way} word={choice.word} isOn={way === choice.way} onClick={() => setWay(choice.way)} />
        ))}
      </fieldset>
      {way === 'own' && <SignHere />}
      {way === 'elsewhere' && <SignedElsewhere />}
      {way === 'mdmcert' && <Mdmcert request={request} />}
    </div>
  )
}

function SignHere() {
  const step = usePushStep(async (form: FormData) => {
    const file = (await readUpload(form.get('file'))) ?? ''
    return api.push.signPushRequest.mutate({ file, password: String(form.get('password') ?? '') || undefined })
  })
  return (
    <UploadForm step={step} action="Sign the request">
      <p className="text-ink-2">
        For companies with an MDM vendor certificate in the Apple Developer programme. It is used once, in memory, and not kept.
      </p>
      <Field label="Vendor certificate, its key and its chain" hint="PEM or PKCS#12, with Apple’s intermediate and root in it.">
        <Input name="file" type="file" className="py-1" required accept=".p12,.pfx,.pem" />
      </Field>
      <Field label="Password" hint="Where the file has one.">
        <Input name="password" type="password" autoComplete="off" />
      </Field>
    </UploadForm>
  )
}

function SignedElsewhere() {
  const step = usePushStep(async (form: FormData) =>
    api.push.acceptSignedRequest.mutate({ file: (await readUpload(form.get('file'))) ?? '' }),
  )
  return (
    <UploadForm step={step} action="Check and keep it">
      <p className="text-ink-2">Send the request of step 1 to your MDM vendor, and choose the signed file that comes back.</p>
      <Field label="Signed request" hint="A property list, plain or in base64. Its signature is checked here before Apple sees it.">
        <Input name="file" type="file" className="py-1" required />
      </Field>
    </UploadForm>
  )
}

function Mdmcert({ request }: { request: Request }) {
  const send = usePushStep((form: FormData) =>
    api.push.sendToMdmcert.mutate({ apiKey: String(form.get('apiKey')), email: String(form.get('email')) || undefined }),
  )
  const open = usePushStep(async (form: FormData) => api.push.openMdmcertMail.mutate({ file: (await readUpload(form.get('file'))) ?? '' }))
  return (
    <div className="space-y-4">
      <UploadForm step={send} action={request.sentAt === null ? 'Send the request' : 'Send it once more'}>
        <p className="text-ink-2">
          A service outside this company that signs for those who have registered. The organisation’s name, the email address and the
          request leave this appliance; no private key does.
        </p>
        <Field label="Email registered there">
          <Input name="email" type="email" required defaultValue={request.email} maxLength={200} />
        </Field>
        <Field label="API key" hint="The one that mdmcert.download gave you. It is not kept here.">
          <Input name="apiKey" type="password" required maxLength={200} autoComplete="off" />
        </Field>
      </UploadForm>
      {request.sentAt !== null && (
        <UploadForm step={open} action="Open the mail’s attachment">
          <p className="text-ink-2">
            Sent <Ago at={request.sentAt} />. The answer comes by mail, encrypted to this appliance.
          </p>
          <Field label="Attachment (.p7)">
            <Input name="file" type="file" className="py-1" required />
          </Field>
        </UploadForm>
      )}
    </div>
  )
}

type UploadFormProps = {
  step: PushStep & { isBusy: boolean; take: (form: FormData) => void }
  action: string
  children: ReactNode
}

function UploadForm({ step, action, children }: UploadFormProps) {
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    step.take(new FormData(event.currentTarget))
  }
  return (
    <form onSubmit={submit} className="space-y-3">
      {children}
      <StepRefusal step={step} />
      <Button type="submit" variant="primary" isBusy={step.isBusy}>
        {action}
      </Button>
    </form>
  )
}
