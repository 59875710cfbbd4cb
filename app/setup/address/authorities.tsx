'use client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import { type Answers, api } from '../../api.ts'
import { Button } from '../../components/button.tsx'
import { Card, CardHeader } from '../../components/card.tsx'
import { Id } from '../../components/copyable.tsx'
import { Confirm } from '../../components/dialog.tsx'
import { Field, Input } from '../../components/field.tsx'
import { FailureNote } from '../../components/states.tsx'
import { Ago } from '../../components/time.tsx'
import { useMay } from '../../use-session.ts'
import { bytesOf, download, readUpload } from '../push-file.ts'
import { UploadFailure } from '../upload-failure.tsx'

type Address = Answers['setup']['getAddress']

/** The company's own certificate authority, where the appliance's certificate comes from one: Macs have to be told to trust it. */
export function Authorities({ address }: { address: Address }) {
  const mayChange = useMay('change the set-up')
  const { anchors } = address
  return (
    <Card>
      <CardHeader title="The company’s own authority" note={anchors.length === 0 ? 'none listed' : undefined} />
      <div className="space-y-4 px-4 py-3">
        <p className="max-w-2xl text-ink-2">
          Needed only where the certificate of the public address comes from an authority of your own. Macs of Apple Business then get its
          root with their enrollment. A Mac that enrolls by link needs the trust profile first: hand it over in a way that is trusted
          already, such as another MDM server, a USB stick or AirDrop.
        </p>
        {anchors.length > 0 && (
          <>
            <ul className="divide-y divide-line rounded-md border border-line">
              {anchors.map((anchor) => (
                <Authority key={anchor.sha256} anchor={anchor} mayChange={mayChange} />
              ))}
            </ul>
            <TrustProfile />
          </>
        )}
        {mayChange && <AddAuthority />}
      </div>
    </Card>
  )
}

function useRefresh() {
  const queries = useQueryClient()
  return () => Promise.all([['setup-address'], ['setup']].map((queryKey) => queries.invalidateQueries({ queryKey })))
}

function Authority({ anchor, mayChange }: { anchor: Address['anchors'][number]; mayChange: boolean }) {
  const [isRemoving, setIsRemoving] = useState(false)
  const refresh = useRefresh()
  const remove = useMutation({ mutationFn: () => api.setup.removeTrustAnchor.mutate({ sha256: anchor.sha256 }), onSuccess: refresh })
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 px-3 py-2">
      <span className="min-w-0 flex-1">
        <span className="block break-words">{anchor.subject}</span>
        <span className="text-xs text-ink-3">
          expires <Ago at={anchor.notAfter} />
        </span>
      </span>
      <Id value={anchor.sha256} what="fingerprint" />
      {mayChange && (
        <Button size="sm" onClick={() => setIsRemoving(true)}>
          Remove
        </Button>
      )}
      <Confirm
        isOpen={isRemoving}
        onOpenChange={setIsRemoving}
        title="Remove this authority?"
        action="Remove the authority"
        isBusy={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate()}
      >
        <p>Macs that enroll from now on are not told to trust it, and cannot reach a server whose certificate it issued.</p>
        <p>Macs that are enrolled keep it until their identity is renewed.</p>
      </Confirm>
    </li>
  )
}

function TrustProfile() {
  const fetch = useMutation({
    mutationFn: () => api.setup.getTrustProfile.query(),
    onSuccess: ({ fileName, profile }) => download(fileName, bytesOf(profile)),
  })
  return (
    <div className="space-y-2">
      <Button isBusy={fetch.isPending} onClick={() => fetch.mutate()}>
        <Download aria-hidden className="size-4" />
        Download the trust profile
      </Button>
      <p className="text-ink-2">
        On the Mac: open it, then System Settings → General → Device Management, double-click it and choose Install. Only then open the
        enrollment link.
      </p>
      {fetch.error !== null && <FailureNote error={fetch.error} />}
    </div>
  )
}

function AddAuthority() {
  const refresh = useRefresh()
  const add = useMutation({
    mutationFn: async (form: FormData) => api.setup.addTrustAnchor.mutate({ file: (await readUpload(form.get('file'))) ?? '' }),
    onSuccess: refresh,
  })
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = event.currentTarget
    add.mutate(new FormData(form), { onSuccess: () => form.reset() })
  }
  return (
    <form onSubmit={submit} className="max-w-lg space-y-3 border-t border-line pt-4">
      <Field label="Root certificate" hint="PEM or DER, of the authority itself: not the server’s certificate, and not an intermediate.">
        <Input name="file" type="file" required accept=".pem,.cer,.crt,.der" />
      </Field>
      <UploadFailure error={add.error} />
      {add.data !== undefined && (
        <p role="status" className="rounded-md bg-good-soft px-3 py-2 text-good">
          Listed: {add.data.subject}.
        </p>
      )}
      <Button type="submit" isBusy={add.isPending}>
        List this authority
      </Button>
    </form>
  )
}
