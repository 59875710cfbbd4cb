'use client'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { type Answers, api } from '../../api.ts'
import { Button } from '../../components/button.tsx'
import { Card, CardHeader, Fact, Facts } from '../../components/card.tsx'
import { Confirm } from '../../components/dialog.tsx'
import { Field, Input } from '../../components/field.tsx'
import { Ago, LocalTime } from '../../components/time.tsx'
import { useMay } from '../../use-session.ts'
import { readUpload } from '../push-file.ts'
import { SetupFrame, useMayReadSetup } from '../setup-frame.tsx'
import { StepSentence } from '../step-state.tsx'
import { UploadFailure } from '../upload-failure.tsx'

type Signer = Answers['setup']['getSigner']

const SIGNER = ['setup-signer']

/** Whose name people read when a Mac asks them whether to enroll. */
export function SignerPage() {
  const mayChange = useMay('change the set-up')
  const signer = useQuery({ queryKey: SIGNER, queryFn: () => api.setup.getSigner.query(), enabled: useMayReadSetup() })
  return (
    <SetupFrame
      title="Signing identity"
      note="Who signs the enrollment profiles: the name that people see before they approve one."
      what="The signing identity"
      query={signer}
    >
      {(data) => (
        <div className="space-y-4">
          <Card>
            <CardHeader title="Signs now" />
            <StepSentence step={data.step} />
            <SignsNow signer={data} />
            {mayChange && data.installed !== null && <RemoveSigner />}
          </Card>
          {mayChange && (
            <Card>
              <CardHeader title={data.installed === null ? 'Use the company’s own certificate' : 'Replace it'} />
              <ImportSigner />
            </Card>
          )}
        </div>
      )}
    </SetupFrame>
  )
}

const VERIFIED = {
  everybody: 'verified, on every Mac',
  company: 'verified, where the company’s authority is trusted',
  nobody: 'unverified',
} as const

function SignsNow({ signer: { installed, own } }: { signer: Signer }) {
  const shown = installed === null || installed.isExpired ? { ...own, issuer: 'itself', verifiedBy: 'nobody' as const } : installed
  return (
    <Facts className="border-t border-line">
      <Fact term="Certificate">{shown.subject}</Fact>
      <Fact term="Issued by">{shown.issuer}</Fact>
      <Fact term="macOS shows">{VERIFIED[shown.verifiedBy]}</Fact>
      <Fact term="Expires">
        <LocalTime at={shown.notAfter} /> (<Ago at={shown.notAfter} />)
      </Fact>
      {installed !== null && (
        <Fact term="Imported">
          <Ago at={installed.installedAt} />
        </Fact>
      )}
    </Facts>
  )
}

function useRefresh() {
  const queries = useQueryClient()
  return () => Promise.all([SIGNER, ['setup']].map((queryKey) => queries.invalidateQueries({ queryKey })))
}

function RemoveSigner() {
  const [isRemoving, setIsRemoving] = useState(false)
  const refresh = useRefresh()
  const remove = useMutation({
    mutationFn: () => api.setup.removeSigner.mutate(),
    onSuccess: async () => {
      setIsRemoving(false)
      await refresh()
    },
  })
  return (
    <footer className="flex justify-end border-t border-line px-4 py-2.5">
      <Button onClick={() => setIsRemoving(true)}>Forget this certificate</Button>
      <Confirm
        isOpen={isRemoving}
        onOpenChange={setIsRemoving}
        title="Forget the signing certificate?"
        action="Forget it"
        isBusy={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate()}
      >
        <p>Its private key is deleted here. This appliance’s own key signs profiles again, which macOS shows as unverified.</p>
        <p>Enrolled Macs are not affected.</p>
      </Confirm>
    </footer>
  )
}

function ImportSigner() {
  const refresh = useRefresh()
  const send = useMutation({
    mutationFn: async (form: FormData) =>
      api.setup.importSigner.mutate({
        file: (await readUpload(form.get('file'))) ?? '',
        password: String(form.get('password') ?? '') || undefined,
      }),
    onSuccess: refresh,
  })
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = event.currentTarget
    // A password is not left standing in the page.
    send.mutate(new FormData(form), { onSuccess: () => form.reset() })
  }
  return (
    <form onSubmit={submit} className="max-w-lg space-y-3 px-4 py-4">
      <p className="text-ink-2">
        A certificate with its private key and its intermediates: from a public authority for signing or for email, or from the company’s
        own. The key is kept sealed and signs enrollment profiles, nothing else.
      </p>
      <Field label="Certificate with its key" hint="PKCS#12 (.p12), or PEM.">
        <Input name="file" type="file" required accept=".p12,.pfx,.pem" />
      </Field>
      <Field label="Password" hint="Where the file has one.">
        <Input name="password" type="password" autoComplete="off" />
      </Field>
      <UploadFailure error={send.error} />
      {send.data !== undefined && (
        <p role="status" className="rounded-md bg-good-soft px-3 py-2 text-good">
          {send.data.subject} signs from now on.
        </p>
      )}
      <Button type="submit" variant="primary" isBusy={send.isPending}>
        Import the certificate
      </Button>
    </form>
  )
}
