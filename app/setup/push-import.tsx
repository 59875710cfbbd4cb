'use client'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Field, Input } from '../components/field.tsx'
import { readUpload } from './push-file.ts'
import type { PushSetup } from './push-status.tsx'
import { StepRefusal } from './step-refusal.tsx'
import { usePushStep } from './use-push-step.ts'

type Chosen = { file: string; password: string | undefined }

export function PushImport({ setup }: { setup: PushSetup }) {
  const [chosen, setChosen] = useState<Chosen>()
  const step = usePushStep(async (form: FormData) => {
    const wish = { file: (await readUpload(form.get('file'))) ?? '', password: String(form.get('password') ?? '') || undefined }
    setChosen(wish)
    return api.push.importPushCertificate.mutate(wish)
  })
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    step.take(new FormData(event.currentTarget))
  }
  const lost = step.refused?.code === 'other_topic' ? step.refused.macsLost : null
  return (
    <form onSubmit={submit} className="max-w-lg space-y-3">
      <p className="text-ink-2">
        {setup.request === null
          ? 'Without a request of this appliance the file has to hold the private key as well.'
          : 'Apple’s file alone is enough: the private key waits here. A file with a key of its own is taken too.'}
      </p>
      <Field label="Certificate" hint="PEM, as Apple gives it, or PKCS#12.">
        <Input name="file" type="file" className="py-1" required accept=".pem,.cer,.crt,.p12,.pfx" />
      </Field>
      <Field label="Password" hint="Where the file has one.">
        <Input name="password" type="password" autoComplete="off" />
      </Field>
      <StepRefusal step={step} />
      {step.done !== undefined && (
        <p role="status" className="rounded-md bg-good-soft px-3 py-2 text-good">
          {step.done.isRenewal ? 'Renewed.' : 'Installed.'} It is in use within seconds, without a restart.
        </p>
      )}
      <div className="flex flex-wrap gap-2">
        <Button type="submit" variant="primary" isBusy={step.isBusy}>
          Import the certificate
        </Button>
        {lost !== null && chosen !== undefined && <GiveMacsUp chosen={chosen} macsLost={lost} onDone={step.reset} />}
      </div>
    </form>
  )
}

/** Another topic: said with the number of Macs, and done only for whoever types it. */
function GiveMacsUp({ chosen, macsLost, onDone }: { chosen: Chosen; macsLost: number; onDone: () => void }) {
  const [isOpen, setIsOpen] = useState(false)
  const [typed, setTyped] = useState('')
  const step = usePushStep(async (confirmation: string) => {
    const result = await api.push.replacePushTopic.mutate({ ...chosen, confirmation })
    if (result.outcome === 'done') {
      setIsOpen(false)
      onDone()
    }
    return result
  })
  const now = step.refused?.macsLost ?? macsLost
  const wanted = `lose ${now} ${now === 1 ? 'Mac' : 'Macs'}`
  return (
    <>
      <Button variant="danger" onClick={() => setIsOpen(true)}>
        Import it all the same
      </Button>
      <Dialog
        isOpen={isOpen}
        onOpenChange={setIsOpen}
        title={`Give up ${now} enrolled ${now === 1 ? 'Mac' : 'Macs'}?`}
        description="The certificate has another topic than the one that they enrolled with."
      >
        <div className="space-y-3 px-5 py-4">
          <ul className="list-disc space-y-1 pl-5 text-ink-2">
            <li>No push reaches them from then on: no command, no fresh attestation, no trust once their evidence is too old.</li>
            <li>Each has to be enrolled anew, by hand or through Apple Business.</li>
            <li>Renewing the old certificate with the Apple account that it was made with avoids all of it.</li>
          </ul>
          <Field label={`Type “${wanted}” to go on`}>
            <Input value={typed} onChange={(event) => setTyped(event.target.value)} autoComplete="off" />
          </Field>
          <StepRefusal step={step} />
        </div>
        <footer className="sticky bottom-0 flex justify-end gap-2 border-t border-line bg-raised px-5 py-3">
          <Button onClick={() => setIsOpen(false)}>Cancel</Button>
          <Button variant="danger" isBusy={step.isBusy} disabled={typed.trim() !== wanted} onClick={() => step.take(typed)}>
            Lose {now} {now === 1 ? 'Mac' : 'Macs'}
          </Button>
        </footer>
      </Dialog>
    </>
  )
}
